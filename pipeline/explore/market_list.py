"""The markets of a model as columns: searched, filtered and sorted without touching anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import QueryError
from pipeline.models.adjustment import half_life
from pipeline.results.frames.table import Table
from pipeline.results.tables.fits import status_names
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.status import Status, is_usable

#: Columns that can be filtered and sorted by, beside the market itself: name and meaning.
COLUMNS: Mapping[str, str] = {
    "rmse": "root mean square error of share in the fitted periods",
    "aicc": "Akaike information criterion, corrected for small samples",
    "half_life": "periods in which half of an adjustment is made",
    "autocorrelation": "correlation of errors from one period to the next",
    "starts_agree": "starts that reached the best point",
    "seconds": "time spent on the fit",
}
#: What ``status`` can be asked for beside single statuses.
GROUPS = ("usable", "failed", "pending")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which markets are asked for.

    Attributes
    ----------
    search
        Part of the label, in any case of letters.
    status
        One of `GROUPS`, or the name of a status; empty: all.
    column, low, high
        Only markets in which this column is within these ends, themselves included; infinite: open.
    sort
        ``market`` or a column; with a dash before it, the largest first. Empty: as in the data.
    """

    search: str = ""
    status: str = ""
    column: str = ""
    low: float = -np.inf
    high: float = np.inf
    sort: str = ""


class MarketList:
    """One model in all markets, the fits to all periods.

    Parameters
    ----------
    tables
        Of the sweep; read once: of the fits of one model the statuses and the statistics.
    model
        Name of the model.
    """

    def __init__(self, tables: SweepTables, model: str) -> None:
        self.labels = tables.labels("market")
        self.codes: NDArray[np.int64] = tables.status(model)[:, 0].astype(np.int64)
        statistic = tables.statistics(model)
        missing = np.full(len(self.labels), np.nan)
        # Copies: a column of all statistics would keep the others in memory.
        self.columns = {name: statistic.get(name, missing).copy() for name in COLUMNS if name != "half_life"}
        self.columns["half_life"] = half_life(statistic.get("adjustment_rate", missing))

    @cached_property
    def _words(self) -> NDArray[np.str_]:
        """Labels as they are searched."""
        return np.array([str(label).casefold() for label in self.labels.tolist()], dtype=np.str_)

    @cached_property
    def statuses(self) -> tuple[str, ...]:
        """Names of the statuses that occur."""
        return tuple(status_names(np.unique(self.codes)).tolist())

    def find(self, wanted: Wanted) -> NDArray[np.intp]:
        """Give the places of the markets asked for, in order.

        Raises
        ------
        QueryError
            No such column or status.
        """
        keep = np.ones(len(self.labels), dtype=np.bool_)
        if wanted.search:
            keep &= np.char.find(self._words, wanted.search.casefold()) >= 0
        if wanted.status:
            keep &= self._of_status(wanted.status)
        if wanted.column:
            values = self._column(wanted.column)
            with np.errstate(invalid="ignore"):
                keep &= (values >= wanted.low) & (values <= wanted.high)
        return self._sorted(np.flatnonzero(keep), wanted.sort)

    def table(self, places: NDArray[np.intp]) -> Table:
        """Give some markets as rows."""
        columns = {name: self.columns[name][places] for name in COLUMNS}
        return Table({"market": self.labels[places], "status": status_names(self.codes[places]), **columns})

    def _of_status(self, status: str) -> NDArray[np.bool_]:
        if status == "usable":
            return is_usable(self.codes)
        if status == "failed":
            return ~is_usable(self.codes) & (self.codes != Status.PENDING)
        if status not in (*GROUPS, *self.statuses):
            known = ", ".join(dict.fromkeys((*GROUPS, *self.statuses)))
            raise QueryError(f"Got the status {status!r}; expected one of {known}.")
        return np.asarray(status_names(self.codes) == status, dtype=np.bool_)

    def _column(self, name: str) -> NDArray[np.float64]:
        if name not in self.columns:
            raise QueryError(f"Got the column {name!r}; expected one of {', '.join(COLUMNS)}.")
        return self.columns[name]

    def _sorted(self, places: NDArray[np.intp], sort: str) -> NDArray[np.intp]:
        """Sort by a column, missing values last."""
        name, falls = sort.removeprefix("-"), sort.startswith("-")
        if not name:
            return places
        if name == "market":
            # Numbers by their size, names by the alphabet.
            of_text = self.labels.dtype.kind == "O"
            keys = self._words[places] if of_text else self.labels[places]
            order = np.argsort(keys, kind="stable")
            return places[order[::-1] if falls else order]
        values = self._column(name)[places]
        known = ~np.isnan(values)
        order = np.argsort(-values[known] if falls else values[known], kind="stable")
        return np.concatenate([places[known][order], places[~known]])
