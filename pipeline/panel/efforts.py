"""Efforts from the columns of a panel: columns, or formulas with lags and means over firms or periods."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kernels.formula.expression import Expression, ExpressionError, parse
from pipeline.config.sections.data import EFFORT_FUNCTIONS, EffortSection


@dataclass(frozen=True)
class Effort:
    """One input of f, ready to be computed.

    Attributes
    ----------
    name, kind, unit, long_name : str
        As in the study; `long_name` is the description or, without one, the formula or the column.
    columns : tuple of str
        Columns it needs.
    expression : Expression or None
        None for a plain column.
    key : str
        Where the study says it, for messages.
    """

    name: str
    kind: str
    unit: str
    long_name: str
    columns: tuple[str, ...]
    expression: Expression | None
    key: str = ""

    def compute(self, columns: Mapping[str, np.ndarray], groups: "Groups") -> np.ndarray:
        """Compute the effort of every row, shape (rows,); nan or infinite where the formula has no value.

        Raises
        ------
        ExpressionError
            When a lag is no whole number of periods or varies by row.
        """
        if self.expression is None:
            return columns[self.columns[0]]
        try:
            value = self.expression.evaluate(columns, groups.functions())
        except ExpressionError as error:
            raise ExpressionError(error.reason, self.expression.text) from None
        return np.ascontiguousarray(np.broadcast_to(value, groups.period.shape))


@dataclass(frozen=True)
class Groups:
    """Which rows are of one period or one series; rows are in order of market, firm and time.

    Attributes
    ----------
    period : (rows,) array of int
        Number of the market and period of each row.
    series : (rows,) array of int
        Number of the market and firm of each row, without jumps: 0, 0, 1, 1, 1, 2, ...
    """

    period: np.ndarray
    series: np.ndarray

    def functions(self) -> dict[str, Callable[..., np.ndarray]]:
        """Give the functions that formulas may call, for `kernels.formula.expression.Expression.evaluate`."""
        return {
            "market_mean": lambda x: self._mean(x, self.period),
            "firm_mean": lambda x: self._mean(x, self.series),
            "lag": self._lag,
        }

    def _mean(self, values: np.ndarray, group: np.ndarray) -> np.ndarray:
        values = np.broadcast_to(values, group.shape)
        count = np.bincount(group)
        with np.errstate(invalid="ignore"):  # infinite values are reported by the checks
            return (np.bincount(group, weights=values) / np.maximum(count, 1))[group]

    def _lag(self, values: np.ndarray, periods: ArrayLike = 1.0) -> np.ndarray:
        values = np.broadcast_to(values, self.series.shape)
        back = _whole_periods(periods)
        start = np.searchsorted(self.series, self.series, side="left")
        return values[np.maximum(np.arange(self.series.size) - back, start)]


def uses_present(name: str, section: EffortSection, column: str) -> bool:
    """Tell whether an effort of a period uses a column's value of the same period; a lag alone does not.

    Found by trying: the effort of made-up rows of two firms, once more with another value in the last period
    of the first.
    """
    if section.formula is None:
        return (section.column or name) == column
    try:
        expression = parse(section.formula, functions=EFFORT_FUNCTIONS)
        if column not in expression.names:
            return False
        effort = Effort(name, section.kind, section.unit, "", expression.names, expression)
        rows = np.arange(8)
        groups = Groups(period=rows % 4, series=rows // 4)
        random = np.random.default_rng(0)
        columns = {used: random.uniform(0.5, 1.5, 8) for used in expression.names}
        changed = columns | {column: columns[column] * np.where(rows == 3, 1.1, 1.0)}
        with np.errstate(all="ignore"):
            before, after = effort.compute(columns, groups)[3], effort.compute(changed, groups)[3]
    except ExpressionError:
        return False  # reported by the checks of the data
    return bool(before != after)


PRICE = "price"
"""Kind of an input that is no effort: the price of which an effort is an index, in currency."""


def build_prices(efforts: Mapping[str, EffortSection], currency: str) -> tuple[Effort, ...]:
    """Give the prices that firms set, each under the name of the effort that is an index of it."""
    return tuple(
        Effort(name, PRICE, currency, f"price behind {name}", (section.column or name,), None)
        for name, section in efforts.items()
        if section.role is not None
    )


def _whole_periods(periods: ArrayLike) -> int:
    number = np.unique(np.asarray(periods, dtype=np.float64))
    if number.size != 1 or number[0] != np.floor(number[0]) or not 1 <= number[0] <= 10_000:
        raise ExpressionError("the second argument of lag must be a whole number of periods, 1 or more")
    return int(number[0])


def build_effort(name: str, section: EffortSection, columns: Sequence[str]) -> Effort:
    """Make one effort and check it against the columns.

    Parameters
    ----------
    name : str
        Name of the effort.
    section : EffortSection
        As in the study.
    columns : sequence of str
        Columns of the data.

    Returns
    -------
    Effort

    Raises
    ------
    ExpressionError
        When the formula cannot be read, uses a column that does not exist, or has a lag that is no whole
        number of periods.
    """
    if section.formula is None:
        column = section.column or name
        described = section.description or column
        return Effort(name, section.kind, section.unit, described, (column,), None, f"data.efforts.{name}")
    expression = parse(section.formula, columns, functions=EFFORT_FUNCTIONS)
    effort = Effort(
        name,
        section.kind,
        section.unit,
        section.description or section.formula,
        expression.names,
        expression,
        f"data.efforts.{name}",
    )
    # Some mistakes show only when the formula is evaluated: a lag of half a period, or one that varies.
    group = np.zeros(2, dtype=np.int64)
    effort.compute(dict.fromkeys(expression.names, np.array([1.0, 2.0])), Groups(group, group))
    return effort
