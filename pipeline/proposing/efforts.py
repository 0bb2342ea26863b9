"""Which columns are efforts, and what becomes of them: relative prices, parts of sales, flags as they are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.checks.study import USED_BY_STUDIES
from pipeline.config.sections.data import EFFORT_FUNCTIONS
from pipeline.panel.reading.sample import Column
from pipeline.proposing.roles import Roles
from pipeline.proposing.words import LABELS, NUMERIC, identifier, meaning_of

MOST = 6
"""Efforts that are proposed; more leave too little to be learned of each."""
_SMALL = 3.0
"""Numbers up to this size, either way, are taken as they are."""
_PERCENT = ("%", "percent")
"""Units of parts in a hundred, where a labelled dataset says them."""
_SAME = 0.98
"""Correlation with sales above which a column is no effort but sales again."""


@dataclass(frozen=True)
class Effort:
    """An effort that is proposed.

    Attributes
    ----------
    name : str
        In the study.
    keys : dict
        What the study says of it.
    reason : str
        Why, in a few words.
    nonnegative : bool
        Whether it is never below 0.
    amount : bool
        Whether it is a quantity whose effect may saturate.
    """

    name: str
    keys: dict[str, Any]
    reason: str
    nonnegative: bool
    amount: bool = False


@dataclass
class Efforts:
    """The efforts of a table.

    Attributes
    ----------
    taken : list of Effort
        Those that are proposed.
    spare : list of Effort
        Further ones.
    left_out : dict of str to str
        Columns that are none, and why.
    renamed : dict of str to str
        Columns whose names formulas cannot use, by the name that they are given.
    """

    taken: list[Effort] = field(default_factory=list)
    spare: list[Effort] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)


def propose_efforts(roles: Roles) -> Efforts:
    """Propose efforts of a table whose roles are known."""
    efforts = Efforts()
    table = _Table(roles)
    order = {"price": 0, "promotion": 1, "expense": 2}
    columns = sorted(roles.free(), key=lambda column: order.get(str(meaning_of(column, NUMERIC)), 3))
    found: list[Effort] = []
    for column in columns:
        if (reason := table.why_not(column)) is not None:
            efforts.left_out[column.name] = reason
            continue
        if len(found) >= MOST and meaning_of(column, NUMERIC) is None:
            efforts.left_out[column.name] = f"{MOST} efforts are enough to begin with"
            continue
        found.append(_Maker(table, efforts, found).make(column))
    efforts.taken, efforts.spare = found[:MOST], found[MOST:]
    if (sales := table.columns[roles.columns["sales"]]).missing:
        _Maker(table, efforts, found).term(sales)  # the filter of rows names it
    return efforts


class _Table:
    """The values of a table by market, firm and period."""

    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self.columns = roles.sample.columns
        self.sales = self.columns[roles.columns["sales"]].numbers
        keys = {role: self.columns[roles.columns[role]].texts for role in ("firm", "time")}
        market = roles.columns.get("market")
        keys["market"] = self.columns[market].texts if market else pd.Series("", index=keys["firm"].index)
        frame = pd.DataFrame(keys)
        self.period = frame.groupby(["market", "time"], sort=False).ngroup().to_numpy()
        self.series = frame.groupby(["market", "firm"], sort=False).ngroup().to_numpy()
        total = pd.Series(self.sales).groupby(self.period).transform("sum").to_numpy()
        with np.errstate(all="ignore"):
            self.share = self.sales / total

    @property
    def is_money(self) -> bool:
        """Whether sales are money, as far as their name tells."""
        return self.roles.means(self.roles.columns["sales"], NUMERIC) not in ("quantity", "share")

    def why_not(self, column: Column) -> str | None:
        """Say why a column is no effort; None when it can be one."""
        kind = meaning_of(column, NUMERIC)
        present = self._with_sales(column.numbers)
        missing = int(np.isnan(present).sum())
        reasons: tuple[tuple[Callable[[], bool], str], ...] = (
            (lambda: not column.is_number, f"no numbers, but {column.example}"),
            (
                lambda: kind is None and meaning_of(column, LABELS) == "time",
                "another way to write the period",
            ),
            (lambda: _numbers_rows(column), "it numbers the rows"),
            (lambda: kind == "outcome", "a result, not something that firms do"),
            (lambda: kind in ("sales", "share", "quantity"), "another measure of sales"),
            (lambda: missing > 0, f"values are missing in {missing:,} row{'s' * (missing != 1)}"),
            (lambda: np.unique(present).size == 1, "it never changes"),
            (lambda: self._like_sales(column), "it goes with sales nearly one to one"),
            (lambda: self._same_within(self.period, column), "the same for all firms of a period"),
            (
                lambda: self._same_within(self.series, column),
                "it never changes for a firm, which has its own constant",
            ),
        )
        return next((reason for holds, reason in reasons if holds()), None)

    def _with_sales(self, values: np.ndarray) -> np.ndarray:
        return values[np.isfinite(self.sales)]

    def _like_sales(self, column: Column) -> bool:
        values = self._with_sales(column.numbers)
        return any(
            abs(np.corrcoef(values, self._with_sales(like))[0, 1]) > _SAME
            for like in (self.sales, self.share)
            if values.size > 2 and self._with_sales(like).std()
        )

    def _same_within(self, groups: np.ndarray, column: Column) -> bool:
        of_group = pd.Series(column.numbers).groupby(groups)
        return bool((of_group.max() == of_group.min()).all())


def _numbers_rows(column: Column) -> bool:
    """Tell whether a column counts the rows; pandas leaves one in Parquet files."""
    left_behind = column.name.startswith("__index_level_")
    return left_behind or (column.numbers.size > 1 and bool((np.diff(column.numbers) == 1).all()))


@dataclass
class _Maker:
    """Makes an effort of a column."""

    table: _Table
    efforts: Efforts
    made: list[Effort]

    def make(self, column: Column) -> Effort:
        """Choose what becomes of a column by its name and its values."""
        kind = meaning_of(column, NUMERIC)
        values = column.numbers[np.isfinite(column.numbers)]
        low, high = float(values.min()), float(values.max())
        if set(np.unique(values)) <= {0.0, 1.0}:
            return self._as_it_is(column, "0 or 1", True)
        if kind == "price" and low > 0:
            return self._price(column)
        if low >= 0 and ((kind == "expense" and high > 1) or (kind == "promotion" and high > 100)):
            return self._expense(column)
        if low >= 0 and high <= 1:
            return self._as_it_is(column, "0 to 1", True)
        percent = column.unit in _PERCENT or (kind == "promotion" and high > 10)
        if percent and low >= 0 and high <= 100:
            return self._scaled(column, 100.0, "a percentage")
        if low >= -_SMALL and high <= _SMALL:
            return self._as_it_is(column, "small numbers", low >= 0)
        if low > 0:
            keys = {"formula": f"log({self.term(column)} / market_mean({self.term(column)}))"}
            return self._effort(column, keys, "log against the mean of all firms", False)
        scale = float(np.abs(values[values != 0]).mean())
        return self._scaled(column, scale, "in units of what is usual", low >= 0, amount=low >= 0)

    def _price(self, column: Column) -> Effort:
        term = self.term(column)
        keys: dict[str, Any] = {"formula": f"log({term} / market_mean({term}))"}
        reason = "log price against the mean of all firms"
        if not any("role" in effort.keys for effort in self.made):
            keys = {"column": term, "role": "price", **keys}
            reason += "; firms set it"
        return self._effort(column, keys, reason, False)

    def _expense(self, column: Column) -> Effort:
        sold = np.isfinite(self.table.sales)
        sales, spent = self.table.sales[sold], column.numbers[sold]
        # A labelled dataset says in which units they are.
        comparable = column.unit == self.table.columns[self.table.roles.columns["sales"]].unit
        if self.table.is_money and comparable and sales.min() > 0 and np.median(spent / sales) < 1:
            of_sales = self.term(self.table.columns[self.table.roles.columns["sales"]])
            keys = {"formula": f"{self.term(column)} / {of_sales}", "kind": "ratio"}
            return self._effort(
                column, keys, "expense as a part of the firm's sales, σ = E/X", True, amount=True
            )
        usual = float(spent[spent > 0].mean())
        return self._scaled(column, usual, "expense in units of a usual one", amount=True)

    def _scaled(
        self, column: Column, scale: float, reason: str, nonnegative: bool = True, amount: bool = False
    ) -> Effort:
        rounded = float(f"{scale:.1g}")
        keys = {"formula": f"{self.term(column)} / {rounded:.12g}"}
        return self._effort(column, keys, reason, nonnegative, amount)

    def _as_it_is(self, column: Column, reason: str, nonnegative: bool) -> Effort:
        unit = {"unit": column.unit} if column.unit else {}
        return self._effort(column, {"column": column.name, **unit}, reason, nonnegative)

    def _effort(
        self, column: Column, keys: dict[str, Any], reason: str, nonnegative: bool, amount: bool = False
    ) -> Effort:
        name = identifier(column.name, (*(effort.name for effort in self.made), *USED_BY_STUDIES))
        if column.title or name != column.name:
            keys = {**keys, "description": column.title or column.name}
        return Effort(name, keys, reason, nonnegative, amount)

    def term(self, column: Column) -> str:
        """Give the name by which formulas can use a column."""
        try:
            usable = parse(column.name, functions=EFFORT_FUNCTIONS).names == (column.name,)
        except ExpressionError:
            usable = False
        if usable:
            return column.name
        known = next((name for name, of in self.efforts.renamed.items() if of == column.name), None)
        if known is None:
            known = identifier(column.name, (*self.efforts.renamed, *self.table.columns))
            self.efforts.renamed[known] = column.name
        return known
