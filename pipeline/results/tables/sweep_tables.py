"""Labels and arrays of one sweep in one snapshot: what builders of tables take, without xarray."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import icechunk
import numpy as np
import zarr

from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.once import Kept
from pipeline.results.frames.made import MadeColumns
from pipeline.status import is_usable
from pipeline.store.format.layout import group_path, panel_path, sweep_path
from pipeline.store.read import SweepInfo, open_arrays, open_attributes, read_labels

if TYPE_CHECKING:
    from pipeline.config.study import Study
    from pipeline.config.variants import Variant

Selection = np.ndarray | slice
"""Markets by their places."""
ALL_MARKETS = slice(None)


def is_all(markets: Selection) -> bool:
    """Tell whether all markets are selected."""
    return isinstance(markets, slice) and markets == ALL_MARKETS


class SweepTables:
    """Light access to one sweep. What is opened once stays open: a snapshot does not change.

    Parameters
    ----------
    session
        A read-only session.
    info
        The sweep.

    Attributes
    ----------
    session, info
        As given.
    kept
        What was computed from them, for whoever asks next.
    """

    def __init__(self, session: icechunk.Session, info: SweepInfo) -> None:
        self.session = session
        self.info = info
        self.kept = Kept()
        self._labels: dict[str, np.ndarray] = {}
        self._arrays: dict[str, Mapping[str, zarr.Array]] = {}
        self._attributes: dict[str, dict[str, Any]] = {}

    @cached_property
    def study(self) -> "Study":
        """The study that the sweep was made by, overrides included.

        Raises
        ------
        QueryError
            The sweep does not hold it.
        """
        # pydantic, which builds it, takes longer to import than a query to answer.
        from pipeline.config.study import Study

        text = self.info.attributes.get("study_json")
        if not text:
            raise QueryError(
                f"The sweep {self.info.name} does not hold its study, so its f cannot be evaluated."
            )
        return Study.model_validate_json(_with_former_defaults(text))

    @cached_property
    def variants(self) -> "dict[str, Variant]":
        """The models of the study by name."""
        return {variant.name: variant for variant in self.study.variants()}

    @property
    def first_window(self) -> str:
        """Name of the window of all periods, which comes first."""
        return str(self.labels("window")[0])

    def labels(self, axis: str) -> np.ndarray:
        """Labels of an axis of the sweep, text as objects."""
        return self._read_labels(f"{sweep_path(self.info.name)}/{axis}")

    def row_of(self, market: Label) -> int:
        """Row of a market in the arrays of the sweep."""
        labels = self.labels("market")
        rows: dict[Label, int] = self.kept.once(
            "rows", lambda: {label: row for row, label in enumerate(labels.tolist())}
        )
        return rows[market]

    def rows_of(self, wanted: Sequence[Label]) -> np.ndarray:
        """Rows of markets, given by their labels or as text, in the order of the sweep.

        Raises
        ------
        QueryError
            A market that the sweep does not have.
        """
        labels, texts = self.labels("market"), set(map(str, wanted))
        # There may be a hundred thousand labels and one that is wanted: that one is turned into their kind.
        numbers = labels.dtype.kind in "iu"
        sought = [int(text) for text in texts if _is_whole(text)] if numbers else list(texts)
        places = np.flatnonzero(np.isin(labels, sought))
        unknown = texts - set(map(str, labels[places].tolist()))
        if unknown:
            named = dict.fromkeys(text for text in map(str, wanted) if text in unknown)
            raise QueryError(
                f"The sweep {self.info.name} has no market {', '.join(named)}; it has {len(labels)}, "
                f"e.g. {', '.join(map(str, labels[:3]))}."
            )
        return places

    @property
    def efforts(self) -> np.ndarray:
        """Names of the efforts of the data."""
        return self._read_labels(f"{panel_path(self.info.data_hash)}/effort")

    def params_of(self, model: str) -> np.ndarray:
        """Names of the parameters of a model."""
        return self._read_labels(f"{self._fits_path(model)}/param")

    def units_of(self, model: str) -> np.ndarray:
        """Units of the parameters of a model."""
        return self._read_labels(f"{self._fits_path(model)}/unit")

    def arrays(self, model: str) -> Mapping[str, zarr.Array]:
        """Open the arrays of the fits of a model."""
        return self._open(self._fits_path(model))

    def trajectory_arrays(self, model: str) -> Mapping[str, zarr.Array]:
        """Open the arrays of the trajectories of a model: ``share``, where the study stores it."""
        return self._open(group_path(self.info.name, "trajectories", model))

    def panel_arrays(self) -> Mapping[str, zarr.Array]:
        """Open the arrays of the data that was calibrated on: ``sales``, ``efforts``."""
        return self._open(panel_path(self.info.data_hash))

    def validation_arrays(self) -> Mapping[str, zarr.Array]:
        """Open the arrays of errors: ``error`` and ``step_error``; empty when the study asked for none."""
        return self._open(group_path(self.info.name, "validation", ""))

    def described(self, model: str) -> dict[str, str]:
        """Form and response of a model; empty where the store does not say."""
        attributes = self._attributes_of(model)
        return {name: str(attributes.get(name, "")) for name in ("form", "response")}

    def noise(self, model: str) -> str:
        """Kind of noise that a model was fitted with; sweeps from before there was a choice had one."""
        return str(self._attributes_of(model).get("noise", "homogeneous"))

    def instruments(self, model: str) -> dict[str, list[str]]:
        """Instruments of each effort that a model takes as endogenous."""
        found: dict[str, list[str]] = self._attributes_of(model).get("endogenous", {})
        return found

    def pooled_stages(self, model: str) -> list[str]:
        """Endogenous efforts of a model whose first stage is pooled over markets."""
        found: list[str] = self._attributes_of(model).get("pooled_stages", [])
        return found

    def is_truth(self, model: str) -> bool:
        """Whether simulated data were made by this very model, so that its estimates have a truth."""
        return bool(self._attributes_of(model).get("is_truth", False))

    def status(self, model: str) -> np.ndarray:
        """Read what has become of all fits of a model, (market, window) codes: once, as many ask for them."""
        codes: np.ndarray = self.kept.once(
            ("status", model), lambda: np.asarray(self.arrays(model)["status"][...])
        )
        return codes

    def statistics(self, model: str, markets: Selection = ALL_MARKETS) -> Mapping[str, np.ndarray]:
        """Read the statistics of the fits to all periods, (market,) each; nan where a fit is not usable."""
        if is_all(markets):
            return self.kept.once(("statistics", model), lambda: self._read_statistics(model, markets))
        return self._read_statistics(model, markets)

    def _read_statistics(self, model: str, markets: Selection) -> Mapping[str, np.ndarray]:
        arrays = self.arrays(model)
        if is_all(markets):
            usable = is_usable(self.status(model)[:, 0])
        else:
            usable = is_usable(np.asarray(arrays["status"].oindex[markets, slice(1)])[:, 0])
        packed = np.asarray(arrays["statistic"].oindex[markets, slice(1)])[:, 0]

        def of(column: int) -> np.ndarray:
            return np.where(usable, packed[:, column], np.nan)

        # Of a hundred thousand markets it takes a while to lay each of thirty together; few are asked for.
        return MadeColumns(
            {str(name): partial(of, column) for column, name in enumerate(self.labels("stat"))}
        )

    def _fits_path(self, model: str) -> str:
        return group_path(self.info.name, "fits", model)

    def _read_labels(self, path: str) -> np.ndarray:
        if path not in self._labels:
            labels = read_labels(self.session, path)
            self._labels[path] = labels.astype(object) if labels.dtype.kind in "UT" else labels
        return self._labels[path]

    def _open(self, path: str) -> Mapping[str, zarr.Array]:
        if path not in self._arrays:
            self._arrays[path] = open_arrays(self.session, path)
        return self._arrays[path]

    def _attributes_of(self, model: str) -> dict[str, Any]:
        path = self._fits_path(model)
        if path not in self._attributes:
            self._attributes[path] = open_attributes(self.session, path)
        return self._attributes[path]


def _with_former_defaults(study_json: str) -> str:
    """Spell out what a stored study left unsaid when it was written: the start and the gain of its fits."""
    content = json.loads(study_json)
    fit = content.get("fit") or {}
    fit = {"initial": "observed"} | ({} if "state" in fit else {"gain": 0.0}) | fit
    return json.dumps(content | {"fit": fit})


def _is_whole(text: str) -> bool:
    """Tell whether this is how a whole number is written as a label."""
    return text.removeprefix("-").isdecimal() and text == str(int(text)) and abs(int(text)) < 2**63
