"""Checks of the section `data`: files that are there, formulas that can be read, columns with one role."""

from collections.abc import Collection
from pathlib import Path

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.sections.data import EFFORT_FUNCTIONS, PRICE_FUNCTIONS, DataSection
from pipeline.config.sections.file_format import FORMATS, Format, expected_endings, format_of
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.location import is_url
from pipeline.config.yaml.document import KeyPath
from pipeline.config.yaml.findings import Findings
from pipeline.names import did_you_mean_file, one_of


def check_table(data: DataSection, findings: Findings) -> None:
    """Check the section `data` of a table or labelled dataset."""
    check_formulas(data, findings)
    check_data_file("file", data, FORMATS, findings)
    _check_format(data, findings)
    roles: dict[str, str] = {}
    for role in ("market", "firm", "time", "sales"):
        column = getattr(data, role)
        if column is not None and column in roles:
            expected = f"another column: {column!r} is the {roles[column]} already"
            findings.add(("data", role), f"the column {column!r}", expected)
        elif column is not None:
            roles[column] = role


def _check_format(data: DataSection, findings: Findings) -> None:
    """Check what is said about how the file is written against its format."""
    format_ = data.format or format_of(data.location)
    for key, formats in (("decimal", ("csv",)), ("sheet", ("excel",))):
        if key in data.model_fields_set and format_ is not None and format_ not in formats:
            expected = f"{key} only with {one_of(formats).removeprefix('one of ')}"
            findings.add(("data", key), f"{key} with a file of the format {format_}", expected)
    if data.wide and format_ in ("netcdf", "zarr"):
        expected = "firms as an axis; other names alone are possible: `sales: Sales (EUR)`"
        findings.add(
            ("data", "columns"), f"columns of single firms with a file of the format {format_}", expected
        )
    if data.date_format is not None and "%" not in data.date_format:
        expected = "a format such as %d.%m.%Y, in the signs of Python's strptime"
        findings.add(("data", "date_format"), repr(data.date_format), expected)


def check_formulas(data: DataSection | LedgerSection, findings: Findings) -> None:
    """Check the formulas of efforts and filter, whose columns are not known yet."""
    for name, effort in data.efforts.items():
        if effort.formula is not None:
            _check_formula(("data", "efforts", name, "formula"), effort.formula, findings)
        if effort.role is not None:
            _check_price(name, data, findings)
    if data.filter is not None:
        _check_formula(("data", "filter"), data.filter, findings)


def _check_price(name: str, data: DataSection | LedgerSection, findings: Findings) -> None:
    """Check an effort that is an index of a price: it can be computed again from prices alone."""
    effort, location = data.efforts[name], ("data", "efforts", name)
    if isinstance(data, LedgerSection):
        expected = "no role: a ledger has expenses, and no prices"
        findings.add((*location, "role"), "the role price", expected)
    first = next(other for other, section in data.efforts.items() if section.role is not None)
    if name != first:
        findings.add(
            (*location, "role"), "a second price", f"one effort with this role: {first} is it already"
        )
    if effort.formula is None:
        return
    try:
        used = parse(effort.formula, functions=EFFORT_FUNCTIONS)
    except ExpressionError:
        return  # reported with all formulas
    others = [column for column in used.names if column != effort.column]
    others += [f"{function}()" for function in used.functions if function not in PRICE_FUNCTIONS]
    if others or effort.column not in used.names:
        got = f"{effort.formula!r}, which uses {', '.join(others) or f'no {effort.column}'}"
        expected = f"a formula over {effort.column} and market_mean alone, to be computed from planned prices"
        findings.add((*location, "formula"), got, expected)


def _check_formula(location: KeyPath, text: str, findings: Findings) -> None:
    try:
        parse(text, functions=EFFORT_FUNCTIONS)
    except ExpressionError as error:
        unclosed = text.count("(") > text.count(")")
        hint = "A comma inside { } ends a value: put the formula in quotes." if unclosed else ""
        findings.add(location, explain(error), "a formula over columns", hint)


def explain(error: ExpressionError) -> str:
    """Say what is wrong with a formula, and where, as a piece of a sentence."""
    position = "" if error.position is None else f" (character {error.position})"
    return f"{error.text!r}{position}: {error.reason}"


def check_data_file(
    key: str, data: DataSection | LedgerSection, formats: Collection[Format], findings: Findings
) -> None:
    """Check that the file of a key is there, unless it is behind a URL, and that its format is known."""
    written = getattr(data, key)
    if data.format is None and format_of(data.location) not in formats:
        findings.add(("data", key), repr(written), f"{expected_endings(formats)}, or the key format")
    if not is_url(written):
        check_exists(key, written, data.location, findings)


def check_exists(key: str, written: str, location: str, findings: Findings) -> bool:
    """Check that a file of the section is on this machine."""
    path = Path(location)
    if path.exists():
        return True
    got = f"{written!r}, which does not exist"
    findings.add(("data", key), got, f"a file at {path}", did_you_mean_file(path))
    return False
