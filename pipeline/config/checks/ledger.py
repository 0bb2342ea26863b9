"""Checks of a study on a ledger: files that are there, names that the accounts give."""

from collections.abc import Iterable
from pathlib import Path

from kernels.formula.expression import ExpressionError, names_in
from pipeline.config.sections.data import EFFORT_FUNCTIONS, EffortSection
from pipeline.config.sections.file_format import LEDGER_FORMATS, expected_endings, format_of
from pipeline.config.sections.ledger.chart import chart_of
from pipeline.config.sections.ledger.coefficients import (
    AGE,
    missing_groups,
    needs_period_before,
    table_columns,
)
from pipeline.config.sections.ledger.efforts import load_accounts
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.location import is_url
from pipeline.config.yaml.findings import Findings
from pipeline.errors import ConfigError
from pipeline.names import did_you_mean, did_you_mean_file, one_of


def check_ledger(data: LedgerSection, findings: Findings) -> None:
    """Check the files of a ledger study, and its efforts against what the accounts give."""
    if data.format is None and format_of(data.location) not in LEDGER_FORMATS:
        expected = f"{expected_endings(LEDGER_FORMATS)}, or the key format"
        findings.add(("data", "ledger"), repr(data.ledger), expected)
    there = [
        is_url(data.ledger) or check_exists("ledger", data.ledger, data.location, findings),
        check_exists("accounts", data.accounts, data.accounts_location, findings),
    ]
    if not there[1]:
        return
    try:
        chart = chart_of(load_accounts(data.accounts_location))
    except ConfigError:
        return  # reported when the efforts were spelled out
    known = table_columns(chart, market=data.columns.market is not None)
    if not data.efforts:
        findings.add(
            ("data", "efforts"), "no efforts and no expenses", "expenses in the accounts, or efforts"
        )
    for name, effort in data.efforts.items():
        for column in _columns_of(name, effort):
            location = ("data", "efforts", name)
            if column not in known:
                lacking = missing_groups(column, chart)
                hint = (
                    f"{column} needs accounts of {', '.join(lacking)}."
                    if lacking
                    else did_you_mean(column, known)
                )
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


def check_exists(key: str, written: str, location: str, findings: Findings) -> bool:
    """Check that a file of the section `data` is there."""
    path = Path(location)
    if path.exists():
        return True
    hint = did_you_mean_file(path)
    findings.add(("data", key), f"{written!r}, which does not exist", f"a file at {path}", hint)
    return False
