"""A panel with the experiments of its markets beside their data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
import xarray as xr

from pipeline.names import Label
from pipeline.panel.experiments.experiment import FIELDS, hash_experiments
from pipeline.panel.experiments.read import ExperimentTable
from pipeline.panel.findings import PanelNote
from pipeline.panel.panel import Panel

_DIMS = ("market", "experiment", "of_experiment")


@dataclass(frozen=True, eq=False)
class PanelWithExperiments:
    """Any panel and a table of experiments; implements `pipeline.panel.panel.Panel`.

    Its datasets have ``experiments (market, experiment, of_experiment)``, rows of nan where a market has
    fewer than others.
    """

    panel: Panel
    table: ExperimentTable

    @property
    def markets(self) -> np.ndarray:
        """Labels of the markets."""
        return self.panel.markets

    @property
    def firms(self) -> np.ndarray:
        """Labels of the firms."""
        return self.panel.firms

    @property
    def entries(self) -> np.ndarray:
        """How often each firm enters a market at the most."""
        return self.panel.entries

    @property
    def times(self) -> np.ndarray:
        """Labels of the periods."""
        return self.panel.times

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names of the efforts."""
        return self.panel.efforts

    @property
    def frequency(self) -> str:
        """One period in words."""
        return self.panel.frequency

    @property
    def n_experiments(self) -> int:
        """Experiments in a market at most."""
        return self.table.most

    @property
    def notes(self) -> tuple[PanelNote, ...]:
        """What is unusual about the data, and experiments that are left out."""
        left = self.table.left_out
        if not left:
            return self.panel.notes
        message = f"Experiments of other markets or periods than those of the study are left out ({left})."
        return (*self.panel.notes, PanelNote("experiments", message, left))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all values and labels, experiments included."""
        if not self.table.rows:
            return self.panel.content_hash
        digest = sha256(self.panel.content_hash.encode())
        for market in sorted(self.table.rows, key=str):
            digest.update(self.market_hashes[market].encode())
        return digest.hexdigest()

    @cached_property
    def market_hashes(self) -> Mapping[Label, str]:
        """SHA-256 of the values of each market, its experiments included."""
        hashes = dict(self.panel.market_hashes)
        axes = self.firms, self.efforts, self.times
        for market, rows in self.table.rows.items():
            hashes[market] = hash_experiments(hashes[market], rows, axes)
        return hashes

    def load(self, markets: Sequence[Label] | np.ndarray | slice) -> xr.Dataset:
        """Load some markets."""
        return self._with(self.panel.load(markets))

    def blocks(self, size: int) -> Iterator[xr.Dataset]:
        """Give all markets in order, ``size`` of them at a time."""
        return map(self._with, self.panel.blocks(size))

    def close(self) -> None:
        """Free the temporary files of the panel."""
        self.panel.close()

    def _with(self, block: xr.Dataset) -> xr.Dataset:
        if not self.table.rows:
            return block
        values = np.full((block.sizes["market"], self.table.most, len(FIELDS)), np.nan)
        for place, market in enumerate(block["market"].values.tolist()):
            rows = self.table.rows.get(market)
            if rows is not None:
                values[place, : len(rows)] = rows
        attributes = {"units": "see of_experiment", "long_name": "what was tried, and measured"}
        names = {"long_name": "place along an axis, value of the effort, or what was measured"}
        return block.assign_coords(of_experiment=("of_experiment", np.array(FIELDS), names)).assign(
            experiments=(_DIMS, values, attributes)
        )
