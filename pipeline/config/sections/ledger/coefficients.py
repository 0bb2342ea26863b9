"""Coefficients of accounting by their standard formulas, and the columns of a table of postings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernels.formula.expression import Expression, parse
from pipeline.config.sections.ledger.chart import COST_OF_SALES, PRODUCTION, Chart
from pipeline.config.sections.ledger.postings import COMPANY, MARKET, PERIOD

DAYS, AGE = "days", "age"
EXPENSES, COSTS = "expenses", "costs"
BEFORE, OPENING, MEAN = "_before", "_opening", "_mean"
"""Endings: a flow in the period before; a balance at the period's start; its mean over start and end."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient, by a formula over the sums of a period.

    Attributes
    ----------
    name : str
    unit : str
        Of its values, for tables.
    formula : str
        Over flows, balances, ``days`` (of the period) and names with the endings above.
    description : str
        A few words.
    """

    name: str
    formula: str
    unit: str
    description: str

    @cached_property
    def expression(self) -> Expression:
        """The formula, parsed."""
        return parse(self.formula)


def _turnover(flow: str, balance: str) -> Iterator[Coefficient]:
    mean = f"{balance}{MEAN}"
    basis = f"on the mean of {balance} at the start and the end"
    yield Coefficient(
        f"{balance}_turnover", f"{flow} / {mean}", "1 / period", f"turnover of {balance}, {basis}"
    )
    yield Coefficient(f"{balance}_days", f"{DAYS} * {mean} / {flow}", "days", f"days of {balance}, {basis}")


COEFFICIENTS: dict[str, Coefficient] = {
    coefficient.name: coefficient
    for coefficient in (
        Coefficient("gross_margin", f"(sales - {COST_OF_SALES}) / sales", "1", "gross margin"),
        Coefficient("operating_margin", f"(sales - {COSTS}) / sales", "1", "operating margin"),
        Coefficient("cost_ratio", f"{COSTS} / sales", "1", "cost of sales and expenses over sales"),
        *_turnover("sales", "receivables"),
        *_turnover(COST_OF_SALES, "payables"),
        *_turnover(COST_OF_SALES, "stocks"),
        Coefficient("sales_growth", f"sales / sales{BEFORE} - 1", "1 / period", "growth rate of sales"),
        Coefficient(
            "production_growth",
            f"{PRODUCTION} / {PRODUCTION}{BEFORE} - 1",
            "1 / period",
            "growth rate of production",
        ),
        Coefficient("stocks_growth", f"stocks / stocks{OPENING} - 1", "1 / period", "growth rate of stocks"),
    )
}
"""The catalogue, by name."""


def table_columns(chart: Chart, *, market: bool) -> tuple[str, ...]:
    """Name the columns of the table that postings are summed to: labels, sums, coefficients.

    Parameters
    ----------
    chart : Chart
        The accounts.
    market : bool
        Whether postings name their market.
    """
    sums = _sums(chart)
    possible = [name for name, item in COEFFICIENTS.items() if set(item.expression.names) <= set(sums)]
    return (*((MARKET,) if market else ()), COMPANY, PERIOD, *sums, *possible)


def missing_groups(name: str, chart: Chart) -> tuple[str, ...]:
    """Name the groups of accounts that a coefficient lacks; none for columns that are no coefficients."""
    if name not in COEFFICIENTS:
        return ()
    sums = _sums(chart)
    lacking = [column for column in COEFFICIENTS[name].expression.names if column not in sums]
    groups = (column.removesuffix(BEFORE).removesuffix(MEAN).removesuffix(OPENING) for column in lacking)
    return tuple(dict.fromkeys(groups))


def needs_period_before(name: str) -> bool:
    """Tell whether a column has no value in a company's first period."""
    columns = COEFFICIENTS[name].expression.names if name in COEFFICIENTS else (name,)
    return any(column.endswith(BEFORE) for column in columns)


def _sums(chart: Chart) -> tuple[str, ...]:
    """Name the sums of the accounts, and those that follow from them by adding and subtracting."""
    flows = list(chart.named("flow"))
    balances = chart.named("balance")
    if chart.expenses:
        flows.append(EXPENSES)
    if chart.expenses or COST_OF_SALES in flows:
        flows.append(COSTS)
    if PRODUCTION not in flows and COST_OF_SALES in flows and "stocks" in balances:
        flows.append(PRODUCTION)
    return (
        *flows,
        *(f"{name}{BEFORE}" for name in flows),
        *balances,
        *(f"{name}{ending}" for name in balances for ending in (OPENING, MEAN)),
        DAYS,
        AGE,
    )


def compute_coefficient(name: str, sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute a coefficient of the catalogue.

    Parameters
    ----------
    name : str
        Its name.
    sums : mapping of str to (rows,) array
        The columns that its formula uses.

    Returns
    -------
    (rows,) array
        In the unit of the coefficient; nan or infinite where it has no value.
    """
    expression = COEFFICIENTS[name].expression
    columns = {column: sums[column] for column in expression.names}
    return np.asarray(expression.evaluate(columns), dtype=np.float64)
