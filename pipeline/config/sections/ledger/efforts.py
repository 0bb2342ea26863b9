"""Efforts of a ledger study spelled out: expenses become ratios, coefficients get their unit and meaning."""

from pathlib import Path
from typing import Any

from pipeline.config.sections.data import effort_table
from pipeline.config.sections.ledger.accounts import AccountsSection
from pipeline.config.sections.ledger.chart import Chart, chart_of
from pipeline.config.sections.ledger.coefficients import COEFFICIENTS
from pipeline.config.sections.location import impossible, resolve_location
from pipeline.config.yaml.document import Document
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.findings import Findings
from pipeline.config.yaml.validate import validate
from pipeline.errors import ConfigError, Problem

_RESERVED = frozenset({*COEFFICIENTS, "days", "age", "costs", "expenses", "market", "company", "period"})
"""Names of columns that groups of accounts may not have."""


def load_accounts(location: str) -> AccountsSection:
    """Read an accounts file.

    Raises
    ------
    ConfigError
        With every problem.
    """
    accounts, problems = _read_accounts(location)
    if accounts is None or problems:
        raise ConfigError(f"Accounts {location}", problems)
    return accounts


def complete_ledger(document: Document, folder: str) -> list[Problem]:
    """Spell out the efforts of a study on a ledger, in place.

    An expense of the accounts file that is an effort means its part of sales, σ = E/X. Without efforts, all
    expenses are.

    Parameters
    ----------
    document
        The study, overrides included.
    folder
        Folder of the study file.

    Returns
    -------
    list of Problem
        What is wrong with the accounts file, if the study names one.
    """
    data = document.content.get("data") if isinstance(document.content, dict) else None
    if not isinstance(data, dict) or "ledger" not in data or not isinstance(data.get("accounts"), str):
        return []
    if impossible(data["accounts"]):
        return []  # refused with the rest of the study
    location = resolve_location(data["accounts"], folder)
    if not Path(location).exists():
        return []  # reported by the checks of the study, with its line
    accounts, problems = _read_accounts(location)
    if accounts is not None:
        chart = chart_of(accounts)
        efforts = data.get("efforts")
        data["efforts"] = _spell_out(chart.expenses if efforts is None else efforts, chart, data)
    return problems


def _read_accounts(location: str) -> tuple[AccountsSection | None, list[Problem]]:
    document = read_document(Path(location), "an accounts file")
    accounts, problems = validate(AccountsSection, document, "accounts: a mapping of groups to codes")
    if accounts is not None:
        problems += _check_groups(chart_of(accounts), document)
    return accounts, problems


def _check_groups(chart: Chart, document: Document) -> list[Problem]:
    """Find codes that stand in two groups, and names that mean something else already."""
    findings = Findings(document)
    group_of: dict[str, str] = {}
    names = set(_RESERVED)
    for group in chart.groups:
        key = ".".join(group.key)
        for code in group.codes:
            if group_of.setdefault(code, key) != key:
                findings.add(group.key, f"the account {code}", f"it once (it is in {group_of[code]} too)")
        if len(group.key) > 1 and not group.name.isidentifier():
            findings.add(group.key, f"the name {group.name!r}", "a name of letters, digits and underscores")
        if group.name in names:
            expected = "another name: it means something else already"
            findings.add(group.key, f"the name {group.name!r}", expected)
        if group.kind != "aside":
            names.add(group.name)
    return list(findings.problems.values())


def _spell_out(efforts: Any, chart: Chart, data: dict[str, Any]) -> Any:
    table = effort_table(efforts)
    if not isinstance(table, dict):
        return table
    return {name: _spell_out_effort(name, effort, chart, data) for name, effort in table.items()}


def _spell_out_effort(name: Any, effort: Any, chart: Chart, data: dict[str, Any]) -> Any:
    column_given = {} if effort is None else {"column": effort}
    section = dict(effort) if isinstance(effort, dict) else column_given
    if "formula" in section:
        return effort
    column, kind = section.get("column", name), section.get("kind", "ratio")
    if not isinstance(column, str) or not isinstance(kind, str):
        return effort  # refused with the rest of the study
    if column in COEFFICIENTS:
        coefficient = COEFFICIENTS[column]
        described = {"unit": coefficient.unit, "description": coefficient.description}
        return {"column": column, **described, **section}
    scale = {"ratio": "sales", "amount": data.get("reference_sales")}.get(kind)
    if column not in chart.expenses or scale is None:
        return effort
    section.pop("column", None)
    description = f"expense on {column} over {'own' if kind == 'ratio' else 'reference'} sales"
    return {"formula": f"{column} / {scale}", "description": description, **section, "kind": kind}
