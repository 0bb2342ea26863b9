"""Checks of the section `data` on a ledger: files that are there, columns that the accounts give."""

from collections.abc import Iterable

from kernels.formula.expression import ExpressionError, names_in
from pipeline.config.checks.data import check_data_file, check_exists, check_formulas
from pipeline.config.sections.data import EFFORT_FUNCTIONS, EffortSection
from pipeline.config.sections.file_format import LEDGER_FORMATS
from pipeline.config.sections.ledger.chart import Chart, chart_of
from pipeline.config.sections.ledger.coefficients import (
    AGE,
    missing_groups,
    needs_period_before,
    table_columns,
)
from pipeline.config.sections.ledger.efforts import load_accounts
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.yaml.findings import Findings
from pipeline.errors import ConfigError
from pipeline.names import did_you_mean, one_of


def check_ledger(data: LedgerSection, findings: Findings) -> None:
    """Check the section `data` of a ledger: its files, and its efforts against what the accounts give."""
    check_formulas(data, findings)
    check_data_file("ledger", data, LEDGER_FORMATS, findings)
    if not check_exists("accounts", data.accounts, data.accounts_location, findings):
        return
    try:
        chart = chart_of(load_accounts(data.accounts_location))
    except ConfigError:
        return  # reported when the efforts were spelled out
    if not data.efforts:
        expected = "expenses in the accounts, or efforts"
        findings.add(("data", "efforts"), "no efforts and no expenses", expected)
    for name, effort in data.efforts.items():
        for column in _columns_of(name, effort):
            _check_column(("data", "efforts", name), column, data, chart, findings)


def _check_column(
    location: tuple[str, ...], column: str, data: LedgerSection, chart: Chart, findings: Findings
) -> None:
    known = table_columns(chart, market=data.columns.market is not None)
    if column not in known:
        lacking = missing_groups(column, chart)
        needs = f"{column} needs accounts of {', '.join(lacking)}."
        hint = needs if lacking else did_you_mean(column, known)
        findings.add(location, f"the unknown column {column!r}", one_of(known), hint)
    elif needs_period_before(column) and AGE not in _names(data.filter):
        expected = "`filter: age >= 1` beside it"
        hint = f"{column} has no value in a company's first period; age counts its periods from 0."
        findings.add(location, f"{column} in all periods", expected, hint)


def _columns_of(name: str, effort: EffortSection) -> Iterable[str]:
    return _names(effort.formula) if effort.formula is not None else (effort.column or name,)


def _names(formula: str | None) -> tuple[str, ...]:
    """Name the columns of a formula; one that cannot be read has been reported."""
    try:
        return names_in(formula, functions=EFFORT_FUNCTIONS) if formula is not None else ()
    except ExpressionError:
        return ()
