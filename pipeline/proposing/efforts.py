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
from pipeline.proposing.words import LABELS, NUMERIC, identifier, meaning

MOST = 6
"""Efforts that are proposed; more leave too little to be learned of each."""
_SMALL = 3.0
"""Numbers up to this size, either way, are taken as they are."""
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
    columns = sorted(roles.free(), key=lambda column: order.get(str(meaning(column.name, NUMERIC)), 3))
    found: list[Effort] = []
    for column in columns:
        if (reason := table.why_not(column)) is not None:
            efforts.left_out[column.name] = reason
            continue
        if len(found) >= MOST and meaning(column.name, NUMERIC) is None:
            efforts.left_out[column.name] = f"{MOST} efforts are enough to begin with"
            continue
        found.append(_Maker(table, efforts, found).make(column))
    efforts.taken, efforts.spare = found[:MOST], found[MOST:]
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
        return meaning(self.roles.columns["sales"], NUMERIC) not in ("quantity", "share")

    def why_not(self, column: Column) -> str | None:
        """Say why a column is no effort; None when it can be one."""
        kind = meaning(column.name, NUMERIC)
        present = self._with_sales(column.numbers)
        reasons: tuple[tuple[Callable[[], bool], str], ...] = (
            (lambda: not column.is_number, "no numbers"),
            (
                lambda: kind is None and meaning(column.name, LABELS) == "time",
                "another way to write the period",
            ),
            (lambda: kind == "outcome", "a result, not something that firms do"),
            (lambda: kind in ("sales", "share", "quantity"), "another measure of sales"),
            (lambda: bool(np.isnan(present).any()), f"{int(np.isnan(present).sum()):,} values are missing"),
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


@dataclass
class _Maker:
    """Makes an effort of a column."""

    table: _Table
    efforts: Efforts
    made: list[Effort]

    def make(self, column: Column) -> Effort:
        """Choose what becomes of a column by its name and its values."""
        kind = meaning(column.name, NUMERIC)
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
        if kind == "promotion" and low >= 0 and 10 < high <= 100:
            return self._scaled(column, 100.0, "a percentage")
        if low >= -_SMALL and high <= _SMALL:
            return self._as_it_is(column, "small numbers", low >= 0)
        if low > 0:
            keys = {"formula": f"log({self._term(column)} / market_mean({self._term(column)}))"}
            return self._effort(column, keys, "log against the mean of all firms", False)
        scale = float(np.abs(values[values != 0]).mean())
        return self._scaled(column, scale, "in units of what is usual", low >= 0, amount=low >= 0)

    def _price(self, column: Column) -> Effort:
        term = self._term(column)
        keys: dict[str, Any] = {"formula": f"log({term} / market_mean({term}))"}
        reason = "log price against the mean of all firms"
        if not any("role" in effort.keys for effort in self.made):
            keys = {"column": term, "role": "price", **keys}
            reason += "; firms set it"
        return self._effort(column, keys, reason, False)

    def _expense(self, column: Column) -> Effort:
        sales = self.table.sales
        with np.errstate(all="ignore"):
            part = float(np.nanmedian(np.where(sales > 0, column.numbers / sales, np.nan)))
        if self.table.is_money and part < 1 and np.nanmin(sales) > 0:
            sold = self._term(self.table.columns[self.table.roles.columns["sales"]])
            keys = {"formula": f"{self._term(column)} / {sold}", "kind": "ratio"}
            return self._effort(
                column, keys, "expense as a part of the firm's sales, σ = E/X", True, amount=True
            )
        spent = column.numbers[column.numbers > 0]
        return self._scaled(column, float(spent.mean()), "expense in units of a usual one", amount=True)

    def _scaled(
        self, column: Column, scale: float, reason: str, nonnegative: bool = True, amount: bool = False
    ) -> Effort:
        rounded = float(f"{scale:.1g}")
        keys = {"formula": f"{self._term(column)} / {rounded:.12g}"}
        return self._effort(column, keys, reason, nonnegative, amount)

    def _as_it_is(self, column: Column, reason: str, nonnegative: bool) -> Effort:
        return self._effort(column, {"column": column.name}, reason, nonnegative)

    def _effort(
        self, column: Column, keys: dict[str, Any], reason: str, nonnegative: bool, amount: bool = False
    ) -> Effort:
        name = identifier(column.name, (*(effort.name for effort in self.made), *USED_BY_STUDIES))
        if name != column.name:
            keys = {**keys, "description": column.name}
        return Effort(name, keys, reason, nonnegative, amount)

    def _term(self, column: Column) -> str:
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
