"""Efforts of a ledger study spelled out: expenses become ratios, coefficients get their unit and meaning."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.sections.ledger.accounts import AccountsSection
from pipeline.config.sections.ledger.chart import Chart, chart_of
from pipeline.config.sections.ledger.coefficients import COEFFICIENTS
from pipeline.config.sections.location import resolve_location
from pipeline.config.yaml.document import Document
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.messages import describe, translate
from pipeline.errors import ConfigError, Problem


def load_accounts(location: str) -> AccountsSection:
    """Read an accounts file.

    Raises
    ------
    ConfigError
        With every problem found.
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
    location = resolve_location(data["accounts"], folder)
    if not Path(location).exists():
        return []  # said by the checks of the study, with its line
    accounts, problems = _read_accounts(location)
    if accounts is not None:
        chart = chart_of(accounts)
        written = data.get("efforts")
        data["efforts"] = _spell_out(chart.expenses if written is None else written, chart, data)
    return problems


def _read_accounts(location: str) -> tuple[AccountsSection | None, list[Problem]]:
    document = read_document(Path(location), "an accounts file")
    found = list(document.problems)
    if not isinstance(document.content, dict):
        if not found:
            got = describe(document.content)
            found.append(Problem(document.file, 1, "", got, "accounts: a mapping of groups to codes"))
        return None, found
    try:
        accounts = AccountsSection.model_validate(document.content)
    except ValidationError as error:
        found += translate(error.errors(include_url=False), document, AccountsSection).values()
        return None, found
    return accounts, found + _check_groups(chart_of(accounts), document)


def _check_groups(chart: Chart, document: Document) -> list[Problem]:
    """Find codes that stand in two groups, and names that mean something else already."""
    found = []

    def add(key: tuple[str, ...], got: str, expected: str) -> None:
        found.append(Problem(document.file, document.line_of(key), ".".join(key), got, expected))

    owner: dict[str, str] = {}
    names = {*COEFFICIENTS, "days", "age", "costs", "expenses", "market", "company", "period"}
    for group in chart.groups:
        key = ".".join(group.key)
        for code in group.codes:
            if owner.setdefault(code, key) != key:
                add(group.key, f"the account {code}", f"it once (it is in {owner[code]} too)")
        if len(group.key) > 1 and not group.name.isidentifier():
            add(group.key, f"the name {group.name!r}", "a name of letters, digits and underscores")
        if group.name in names:
            add(group.key, f"the name {group.name!r}", "another name: it means something else already")
        if group.kind != "aside":
            names.add(group.name)
    return found


def _spell_out(efforts: Any, chart: Chart, data: dict[str, Any]) -> Any:
    if isinstance(efforts, str):
        efforts = [efforts]
    if isinstance(efforts, list | tuple) and all(isinstance(name, str) for name in efforts):
        efforts = dict.fromkeys(efforts)
    if not isinstance(efforts, dict):
        return efforts
    return {name: _spell_out_effort(name, effort, chart, data) for name, effort in efforts.items()}


def _spell_out_effort(name: Any, effort: Any, chart: Chart, data: dict[str, Any]) -> Any:
    section = dict(effort) if isinstance(effort, dict) else {} if effort is None else {"column": effort}
    if "formula" in section:
        return effort
    column = section.get("column", name)
    if column in COEFFICIENTS:
        known = COEFFICIENTS[column]
        return {"column": column, "unit": known.unit, "description": known.description, **section}
    kind = section.get("kind", "ratio")
    scale = {"ratio": "sales", "amount": data.get("reference_sales")}.get(kind)
    if column not in chart.expenses or scale is None:
        return effort
    section.pop("column", None)
    described = {"description": f"expense on {column} over {'own' if kind == 'ratio' else 'reference'} sales"}
    return {"formula": f"{column} / {scale}", **described, **section, "kind": kind}
