"""Checks that need all rows of a market, and the efforts of these rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.formula.expression import ExpressionError
from pipeline.panel.efforts import PRICE, Effort, Groups
from pipeline.panel.findings import Notes, Problems, describe_place
from pipeline.panel.row_report import NO_ROW, RowReport
from pipeline.panel.time_axis import TimeAxis


@dataclass(frozen=True)
class Checker:
    """Checks of whole markets, some of them at a time.

    Attributes
    ----------
    axis : TimeAxis
        All periods.
    markets, firms : arrays
    times : sequence of str
        Labels; the rows have positions in them.
    columns : tuple of str
        Columns of the values, the sales first.
    efforts : tuple of Effort
        The inputs of f, and then the instruments.
    problems, notes
        Receive what the checks find.
    """

    axis: TimeAxis
    markets: np.ndarray
    firms: np.ndarray
    times: Sequence[str]
    columns: tuple[str, ...]
    efforts: tuple[Effort, ...]
    problems: Problems
    notes: Notes

    def check(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Check the rows of some markets, in any order.

        Returns
        -------
        rows : array of records
            In order of market, firm and time, without duplicates.
        efforts : (rows, K) array of float64
            Their efforts.
        """
        rows = self._without_duplicates(
            rows[np.lexsort((rows["row"], rows["time"], rows["firm"], rows["market"]))]
        )
        runs = _Runs.of(rows)
        self._check_order(runs)
        self._check_gaps(runs)
        self._check_presence(runs)
        self._check_size(runs)
        return rows, self._compute_efforts(runs)

    def _without_duplicates(self, rows: np.ndarray) -> np.ndarray:
        repeated = np.zeros(rows.size, dtype=bool)
        repeated[1:] = True
        for key in ("market", "firm", "time"):
            repeated[1:] &= rows[key][1:] == rows[key][:-1]

        def got(position: int) -> str:
            first = rows["row"][position - 1]
            return "a second value" if first == NO_ROW else f"a second row (the one before is row {first})"

        kind, expected = "several rows for one firm and period", "one row per market, firm and period"
        self._report.add(kind, repeated, rows, got, expected, "Remove one of them, or add them up.")
        return rows[~repeated]

    def _check_order(self, runs: "_Runs") -> None:
        falling = np.zeros(runs.rows.size, dtype=bool)
        falling[1:] = (np.diff(runs.rows["row"]) < 0) & (np.diff(runs.series) == 0)
        series = np.flatnonzero(np.bincount(runs.series, weights=falling) > 0)
        self._note("unsorted", runs.rows[runs.series_start[series]], period=False)

    def _check_gaps(self, runs: "_Runs") -> None:
        market, time = runs.pairs
        gap = np.flatnonzero((np.diff(self.axis.period[time]) > 1) & (np.diff(market) == 0))
        named = [
            f"market {self.markets[market[i]]} between {self.times[time[i]]} and {self.times[time[i + 1]]}"
            for i in gap[: self.notes.room("gap")].tolist()
        ]
        self.notes.add("gap", named, gap.size)

    def _check_presence(self, runs: "_Runs") -> None:
        """Note firms that enter, leave, or return after an absence; only periods of their market count."""
        rank = runs.pair
        returns = np.flatnonzero((np.diff(rank) > 1) & (np.diff(runs.series) == 0)) + 1
        self._note("return", runs.rows[returns])
        last = np.append(runs.series_start[1:], runs.rows.size) - 1
        pair_market = runs.pairs[0]
        first_pair = np.searchsorted(pair_market, runs.rows["market"][runs.series_start], side="left")
        last_pair = np.searchsorted(pair_market, runs.rows["market"][last], side="right") - 1
        self._note("entry", runs.rows[runs.series_start[rank[runs.series_start] > first_pair]])
        self._note("exit", runs.rows[last[rank[last] < last_pair]])

    def _check_size(self, runs: "_Runs") -> None:
        rows = runs.rows
        markets = rows["market"][runs.market_start]
        firms = np.bincount(
            np.searchsorted(markets, rows["market"][runs.series_start]), minlength=markets.size
        )
        periods = np.bincount(np.searchsorted(markets, runs.pairs[0]), minlength=markets.size)
        hint = "Leave the market out: list the others in data.markets, or remove its rows with data.filter."
        for kind, what, count in (
            ("markets of one firm", "firm", firms),
            ("markets of one period", "period", periods),
        ):

            def describe(index: int, what: str = what) -> tuple[str, str, int | None]:
                return describe_place(self.markets[markets[index]]), f"one {what}", None

            self.problems.add_each(kind, np.flatnonzero(count == 1), describe, f"two {what}s or more", hint)
        totals = np.bincount(runs.pair, weights=np.nan_to_num(rows["values"][:, 0], nan=1.0))
        market, time = runs.pairs

        def describe_empty(index: int) -> tuple[str, str, int | None]:
            where = describe_place(self.markets[market[index]], None, self.times[time[index]])
            return where, "total sales of 0", None

        empty, expected = np.flatnonzero(totals == 0), "sales of at least one firm"
        hint = "Leave out the rows of this period; it becomes part of a longer one."
        self.problems.add_each("periods without sales", empty, describe_empty, expected, hint)

    def _compute_efforts(self, runs: "_Runs") -> np.ndarray:
        rows = runs.rows
        columns = {name: rows["values"][:, index] for index, name in enumerate(self.columns)}
        groups = Groups(runs.pair, runs.series)
        result = np.empty((rows.size, len(self.efforts)))
        for index, effort in enumerate(self.efforts):
            try:
                result[:, index] = effort.compute(columns, groups)
            except ExpressionError as error:
                got, expected = str(error).rstrip("."), "a formula over the columns of the data"
                self.problems.add_once("formulas", effort.key, got, expected, column=effort.name)
                continue
            self._check_formula(effort, columns, result[:, index], runs)
            if effort.kind == PRICE:
                self._check_price(effort, result[:, index], runs)
                continue
            low = np.minimum.reduceat(result[:, index], runs.market_start)
            high = np.maximum.reduceat(result[:, index], runs.market_start)
            constant = np.flatnonzero(low == high)
            named = [
                f"market {self.markets[rows['market'][runs.market_start[i]]]}" for i in constant[:3].tolist()
            ]
            kind = "constant-effort" if effort.key.startswith("data.") else "constant-instrument"
            self.notes.add(kind, named, constant.size, effort.name)
        return result

    def _check_formula(
        self, effort: Effort, columns: dict[str, np.ndarray], values: np.ndarray, runs: "_Runs"
    ) -> None:
        """Report rows in which a formula has no value, in markets whose columns have no missing values."""
        if effort.expression is None:
            return
        complete = np.ones(values.size, dtype=bool)
        for name in effort.columns:
            complete &= np.isfinite(columns[name])
        complete_market = np.logical_and.reduceat(complete, runs.market_start)
        market = np.repeat(
            np.arange(runs.market_start.size), np.diff(np.append(runs.market_start, values.size))
        )
        wrong = ~np.isfinite(values) & complete_market[market]

        def got(position: int) -> str:
            inputs = ", ".join(f"{name} = {columns[name][position]:g}" for name in effort.columns)
            return f"{values[position]} from {effort.long_name} with {inputs}"

        kind, expected = "formulas without a value", "a finite number"
        hint = "Correct the columns, or write the formula so that it has a value here."
        self._report.add(kind, wrong, runs.rows, got, expected, hint, effort.name)

    def _check_price(self, effort: Effort, values: np.ndarray, runs: "_Runs") -> None:
        """Report prices of 0 and below; missing ones have been reported."""

        def got(position: int) -> str:
            return f"a price of {values[position]:g}"

        hint = "Leave these rows out with data.filter, or take the role from the effort."
        kind, expected = "prices", "a price above 0"
        self._report.add(kind, values <= 0.0, runs.rows, got, expected, hint, effort.columns[0])

    @property
    def _report(self) -> RowReport:
        return RowReport(self.problems, self._where)

    def _where(self, row: np.void, column: str) -> str:
        return describe_place(
            self.markets[row["market"]], self.firms[row["firm"]], self.times[row["time"]], column
        )

    def _note(self, kind: str, rows: np.ndarray, period: bool = True) -> None:
        named = [
            describe_place(
                self.markets[row["market"]],
                self.firms[row["firm"]],
                self.times[row["time"]] if period else None,
            )
            for row in rows[: self.notes.room(kind)]
        ]
        self.notes.add(kind, named, rows.size)


@dataclass(frozen=True)
class _Runs:
    """Rows in order of market, firm and time, and where markets, series and periods begin in them.

    Attributes
    ----------
    rows : array of records
    market_start, series_start : arrays of int
        First row of every market, and of every series (a firm in a market).
    series, pair : (rows,) arrays of int
        Number of the series, and of the pair (market, period), of each row.
    pairs : tuple of two arrays of int
        Market and period of each pair, in this order, so that pairs with consecutive numbers are neighbours.
    """

    rows: np.ndarray
    market_start: np.ndarray
    series_start: np.ndarray
    series: np.ndarray
    pair: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, rows: np.ndarray) -> "_Runs":
        market, firm = rows["market"], rows["firm"]
        new_market = np.ones(rows.size, dtype=bool)
        new_market[1:] = market[1:] != market[:-1]
        new_series = new_market.copy()
        new_series[1:] |= firm[1:] != firm[:-1]
        width = int(rows["time"].max(initial=0)) + 1
        keys, pair = np.unique(market.astype(np.int64) * width + rows["time"], return_inverse=True)
        return cls(
            rows,
            np.flatnonzero(new_market),
            np.flatnonzero(new_series),
            np.cumsum(new_series) - 1,
            pair,
            (keys // width, keys % width),
        )
