"""Postings summed by company and period: flows of the period, balances at its end, and coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pipeline.config.sections.ledger.chart import COST_OF_SALES, PRODUCTION, Chart
from pipeline.config.sections.ledger.coefficients import (
    AGE,
    BEFORE,
    COEFFICIENTS,
    COSTS,
    DAYS,
    EXPENSES,
    MEAN,
    OPENING,
    compute_coefficient,
)
from pipeline.panel.time_axis import first_days, periods_of_days

SERIES = ["market", "company"]
_CELL = [*SERIES, "period", "group"]
_PARTS = 32
_ROUNDING = 1e-12
"""Relative error of sums of amounts; a smaller remainder counts as 0."""


@dataclass
class Sums:
    """Sums of postings by market, company, period and group of accounts, while postings are read.

    Attributes
    ----------
    chart : Chart
        The accounts.
    frequency : str
        Calendar periods: week, month, quarter or year.
    """

    chart: Chart
    frequency: str
    _parts: list[pd.DataFrame] = field(default_factory=list)

    def add(self, rows: np.ndarray) -> None:
        """Add postings; those with a group below 0 are not summed."""
        rows = rows[rows["group"] >= 0]
        sign = np.array([group.sign for group in self.chart.summed])[rows["group"]]
        amount = sign * rows["net"]
        frame = pd.DataFrame(
            {
                "market": rows["market"],
                "company": rows["company"],
                "period": periods_of_days(rows["day"], self.frequency),
                "group": rows["group"],
                "amount": amount,
                "gross": rows["gross"],
                "row": rows["row"],
                # The first posting that lowers the sum, to be named when the sum is on the wrong side.
                "against": np.where(amount < 0, rows["row"], np.iinfo(np.int64).max),
            }
        )
        self._parts.append(_merge([frame]))
        if len(self._parts) > _PARTS:
            self._parts = [_merge(self._parts)]

    def cells(self) -> pd.DataFrame:
        """Give the sums: market, company, period, group, amount, gross, row, against; in this order."""
        cells = _merge(self._parts) if self._parts else pd.DataFrame(columns=_CELL)
        cells.loc[cells["amount"].abs() <= _ROUNDING * cells["gross"], "amount"] = 0.0
        return cells


def _merge(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return (
        pd.concat(parts, ignore_index=True)
        .groupby(_CELL, as_index=False)
        .agg(amount=("amount", "sum"), gross=("gross", "sum"), row=("row", "min"), against=("against", "min"))
    )


def ledger_table(cells: pd.DataFrame, chart: Chart, frequency: str) -> pd.DataFrame:
    """Make the table of a ledger from its sums.

    A company is present from the first to the last period in which it sells. Periods between them without any
    flow are left out: the company is absent.

    Parameters
    ----------
    cells : DataFrame
        As `Sums.cells` gives them.
    chart : Chart
        The accounts.
    frequency : str
        Calendar periods.

    Returns
    -------
    DataFrame
        Columns `market`, `company`, `period` (numbers), `row` (the first posting), and those that
        `table_columns` of the ledger's coefficients names: currency for sums, nan where there is no
        period before.
    """
    names = [group.name for group in chart.summed]
    flows, balances = list(chart.named("flow")), list(chart.named("balance"))
    wide = cells.pivot_table(index=[*SERIES, "period"], columns="group", values="amount", aggfunc="sum")
    wide = wide.reindex(columns=range(len(names))).set_axis(names, axis="columns")
    wide = wide.reindex(_every_period(wide.index))
    booked = wide[flows].notna().any(axis="columns")
    wide = wide.fillna(0.0)
    table = wide[flows].copy()
    closing = _without_rounding(wide[balances], cells, wide.index, names)
    expenses = list(chart.expenses)
    if expenses:
        table[EXPENSES] = table[expenses].sum(axis="columns")
    spent = [name for name in (COST_OF_SALES, EXPENSES) if name in table]
    if spent:
        table[COSTS] = table[spent].sum(axis="columns")
    if PRODUCTION not in table and COST_OF_SALES in table and "stocks" in balances:
        table[PRODUCTION] = table[COST_OF_SALES] + wide["stocks"]
    present = booked & _between_sales(table["sales"])
    by_series = table.where(present).groupby(level=SERIES)
    before = by_series.shift(1).add_suffix(BEFORE)
    opening = closing.groupby(level=SERIES).shift(1, fill_value=0.0)
    mean = (opening + closing) / 2
    table = pd.concat(
        [table, before, closing, opening.add_suffix(OPENING), mean.add_suffix(MEAN)], axis="columns"
    )
    table = table[present].reset_index()
    start = first_days(table["period"].to_numpy(), frequency)
    table[DAYS] = (first_days(table["period"].to_numpy() + 1, frequency) - start).astype(np.float64)
    table[AGE] = (table["period"] - table.groupby(SERIES)["period"].transform("min")).astype(np.float64)
    rows = cells.groupby([*SERIES, "period"])["row"].min()
    table["row"] = rows.reindex(pd.MultiIndex.from_frame(table[[*SERIES, "period"]])).to_numpy(np.int64)
    return _with_coefficients(table)


def _every_period(index: pd.Index) -> pd.MultiIndex:
    """Give all periods of each company from its first to its last, without gaps."""
    ends = index.to_frame(index=False).groupby(SERIES)["period"].agg(["min", "max"]).reset_index()
    count = (ends["max"] - ends["min"] + 1).to_numpy()
    steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    arrays = [ends[name].to_numpy().repeat(count) for name in SERIES]
    return pd.MultiIndex.from_arrays(
        [*arrays, ends["min"].to_numpy().repeat(count) + steps], names=[*SERIES, "period"]
    )


def _without_rounding(
    changes: pd.DataFrame, cells: pd.DataFrame, index: pd.Index, names: Sequence[str]
) -> pd.DataFrame:
    """Add up the changes of balances; set remainders of rounding to 0."""
    closing = changes.groupby(level=SERIES).cumsum()
    gross = cells.pivot_table(index=[*SERIES, "period"], columns="group", values="gross", aggfunc="sum")
    gross = gross.reindex(columns=range(len(names))).set_axis(list(names), axis="columns")
    turned = gross.reindex(index)[list(changes)].fillna(0.0).groupby(level=SERIES).cumsum()
    return closing.where(closing.abs() > _ROUNDING * turned, 0.0)


def _between_sales(sales: pd.Series) -> pd.Series:
    """Tell which periods lie between a company's first and last sales, both included."""
    sells = (sales != 0).astype(np.int64)
    since = sells.groupby(level=SERIES).cummax()
    until = sells[::-1].groupby(level=SERIES).cummax()[::-1]
    return (since * until).astype(bool)


def _with_coefficients(table: pd.DataFrame) -> pd.DataFrame:
    available = set(table.columns)
    values = {
        name: compute_coefficient(
            name, {part: table[part].to_numpy() for part in coefficient.expression.names}
        )
        for name, coefficient in COEFFICIENTS.items()
        if set(coefficient.expression.names) <= available
    }
    return pd.concat([table, pd.DataFrame(values, index=table.index)], axis="columns")
