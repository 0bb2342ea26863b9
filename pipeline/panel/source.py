"""A checked panel on disk: markets, firms, efforts and periods, loaded some markets at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
import xarray as xr

from pipeline.config.sections.fit import FitSection
from pipeline.config.study import Study
from pipeline.errors import ConfigError, Problem
from pipeline.names import Label
from pipeline.panel.dataset import entries_of, panel_dataset
from pipeline.panel.dates import Span
from pipeline.panel.efforts import PRICE
from pipeline.panel.findings import PanelNote
from pipeline.panel.ingest import Ingested, ingest
from pipeline.panel.ledger.read import LedgerReader
from pipeline.panel.reading.cubes import cube_blocks
from pipeline.panel.reading.formats import open_source


@dataclass(frozen=True)
class PanelSource:
    """A checked panel in a temporary file, which is deleted with this object or with its process.

    Attributes
    ----------
    markets, firms : (L,), (N,) arrays of int64 or fixed-width str
        Labels in order: numbers when all of them are whole numbers.
    times : (T,) array of int64 or datetime64[s]
        Labels of the periods, in order.
    efforts : tuple of str
        Names of the efforts, in the order of the study.
    notes : tuple of PanelNote
        What is unusual but allowed: gaps, entries and exits, efforts that never vary, ...
    frequency : str
        One period in words, e.g. ``1 week``.
    reference_sales : float or None
        Fixed scale of every market, currency per period; None for each market's mean total sales.
    n_experiments : int
        None: see `pipeline.panel.experiments.with_experiments`.
    """

    markets: np.ndarray
    firms: np.ndarray
    times: np.ndarray
    efforts: tuple[str, ...]
    notes: tuple[PanelNote, ...]
    frequency: str
    _ingested: Ingested = field(repr=False)
    _currency: str = field(repr=False)
    reference_sales: float | None = None
    n_experiments: int = 0

    def __repr__(self) -> str:
        sizes = f"{self.markets.size} markets, {self.firms.size} firms, {self.times.size} periods"
        return f"<PanelSource of {sizes}; efforts {', '.join(self.efforts)}; hash {self.content_hash[:8]}>"

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (64 hex digits) of all values and labels; format and order of rows do not matter."""
        digest = sha256()
        for market_hash in self._ingested.hashes:
            digest.update(market_hash.encode())
        if self.reference_sales is not None:
            digest.update(f"reference_sales {self.reference_sales!r}".encode())
        return digest.hexdigest()

    @cached_property
    def market_hashes(self) -> Mapping[Label, str]:
        """SHA-256 of the values of each market, by label; other markets do not matter."""
        return dict(zip(self.markets.tolist(), self._ingested.hashes, strict=True))

    @cached_property
    def entries(self) -> np.ndarray:
        """(N,) how often each firm enters a market at the most, after the first period of the market."""
        most = np.zeros(self.firms.size, dtype=np.int64)
        for position in range(self.markets.size):
            run = self._ingested.runs.read(position)
            np.maximum(most, entries_of(run["firm"], run["time"], self.firms.size), out=most)
        return most

    def load(self, markets: Sequence[Label] | np.ndarray | slice) -> xr.Dataset:
        """Load some markets.

        Parameters
        ----------
        markets : sequence of labels, or slice of positions
            Which markets; the order is kept.

        Returns
        -------
        Dataset
            ``sales (market, firm, time)`` in currency per period, nan for an absent firm; ``efforts (market,
            firm, effort, time)``, nan likewise; where the study has prices that firms set ``prices (market,
            firm, priced, time)``; coordinates `market`, `firm`, `effort`, `time`; ``kind``,
            ``unit`` and ``description`` of each effort; ``period (time)``, the number of the period on the
            regular axis; ``entries (firm)`` of the whole panel.

        Raises
        ------
        KeyError
            For a market that the panel does not have.
        """
        positions = self._positions(markets)
        shape = (len(positions), self.firms.size, self.times.size)
        sales = np.full(shape, np.nan)
        count = len(self._ingested.efforts) + len(self._ingested.instruments)
        inputs = np.full((len(positions), self.firms.size, count, self.times.size), np.nan)
        for index, position in enumerate(positions):
            run = self._ingested.runs.read(position)
            sales[index, run["firm"], run["time"]] = run["values"][:, 0]
            inputs[index, run["firm"], :, run["time"]] = run["values"][:, 1:]
        return self._dataset(self.markets[positions], sales, inputs)

    def blocks(self, size: int) -> Iterator[xr.Dataset]:
        """Give all markets in order, ``size`` of them at a time, as `load` does."""
        for start in range(0, self.markets.size, size):
            yield self.load(slice(start, start + size))

    def close(self) -> None:
        """Delete the temporary file now."""
        self._ingested.runs.close()

    @cached_property
    def _index(self) -> dict[Label, int]:
        return {label: position for position, label in enumerate(self.markets.tolist())}

    def _positions(self, markets: Sequence[Label] | np.ndarray | slice) -> list[int]:
        if isinstance(markets, slice):
            return list(range(self.markets.size))[markets]
        labels = markets.tolist() if isinstance(markets, np.ndarray) else list(markets)
        unknown = [label for label in labels if label not in self._index]
        if unknown:
            first, last = self.markets[0], self.markets[-1]
            raise KeyError(
                f"Got the market {unknown[0]!r}; expected one of the {self.markets.size} markets "
                f"from {first} to {last}."
            )
        return [self._index[label] for label in labels]

    def _dataset(self, markets: np.ndarray, sales: np.ndarray, inputs: np.ndarray) -> xr.Dataset:
        axis, of_panel = self._ingested.axis, self._ingested
        axes = {"market": markets, "firm": self.firms, "time": self.times}
        efforts, rest = np.split(inputs, [len(of_panel.efforts)], axis=2)
        instruments = (of_panel.instruments, rest) if of_panel.instruments else None
        dataset = panel_dataset(axes, of_panel.efforts, sales, efforts, self._currency, instruments)
        dataset["time"].attrs["frequency"] = self.frequency
        if axis.times.dtype.kind != "M":  # dates get their units when they are written to a file
            dataset["time"].attrs["units"] = axis.unit if axis.unit != "integer" else "1"
        if self.reference_sales is not None:
            dataset.attrs["reference_sales"] = self.reference_sales
        period = ("time", axis.period, {"long_name": "number of the period", "units": self.frequency})
        entries = ("firm", self.entries, {"long_name": "times that the firm enters a market, at the most"})
        return dataset.assign_coords(period=period, entries=entries)


def open_panel(study: Study, span: Span | None = None) -> PanelSource:
    """Read and check the data of a study.

    The source is read once, and only a part of it is in memory at a time. Temporary files as large as the
    needed columns are written to the folder that `tempfile` chooses.

    Parameters
    ----------
    study : Study
        With a section `data`.
    span : Span, optional
        The periods to read; by default all. Rows of other periods are not checked.

    Returns
    -------
    PanelSource

    Raises
    ------
    ConfigError
        When the study simulates its data.
    DataError
        With everything that is wrong with the data, in one list.
    SpoolError
        When temporary files cannot be written.
    """
    if study.data is None:
        raise ConfigError(
            "the study", [Problem("", None, "data", "a study that simulates its data", "a section data")]
        )
    reader, data = open_source(study.data)
    ingested = ingest(reader, data, study.data.location, fit=study.fit, span=span)
    if isinstance(reader, LedgerReader):
        ingested = replace(ingested, notes=(*reader.notes, *ingested.notes))
    return _source(ingested, data.currency, data.reference_sales)


def panel_of_blocks(
    blocks: Iterable[xr.Dataset],
    *,
    currency: str = "currency",
    reference_sales: float | None = None,
    zero_sales: bool = False,
    name: str = "the panel",
) -> PanelSource:
    """Make a panel of datasets, checked like any other; memory is bounded by the largest of them.

    Parameters
    ----------
    blocks : iterable of Dataset
        Disjoint sets of markets, each with ``sales (market, firm, time)`` and ``efforts (market, firm,
        effort, time)`` as `PanelSource.load` gives them; ``kind``, ``unit`` and ``description`` of efforts
        are kept.
    currency : str
        Unit of the sales.
    reference_sales : float, optional
        Fixed scale of every market, currency per period.
    zero_sales : bool
        Whether sales may be 0 (with the share residual).
    name : str
        Name of the data in messages.

    Raises
    ------
    DataError
        With everything that is wrong.
    """
    reader, data = cube_blocks(blocks, name)
    fit = FitSection(residual="share" if zero_sales else "ilr")
    return _source(ingest(reader, data, name, fit=fit), currency, reference_sales)


def _source(ingested: Ingested, currency: str, reference_sales: float | None) -> PanelSource:
    return PanelSource(
        markets=ingested.markets,
        firms=ingested.firms,
        times=ingested.axis.times,
        efforts=tuple(effort.name for effort in ingested.efforts if effort.kind != PRICE),
        notes=ingested.notes,
        frequency=ingested.axis.frequency,
        _ingested=ingested,
        _currency=currency,
        reference_sales=None if reference_sales is None else float(reference_sales),
    )
