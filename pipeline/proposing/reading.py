"""Reading a table of which nothing is known: its sheet, its decimals, its shape, the roles of its columns."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.config.sections.data import DataSection
from pipeline.config.sections.file_format import format_of
from pipeline.errors import DataError, Problem
from pipeline.panel.reading.encoding import LOOKED_AT, UTF_8, guess_encoding
from pipeline.panel.reading.files import open_binary
from pipeline.panel.reading.first_rows import describe_table, read_sample
from pipeline.panel.reading.formats import open_reader
from pipeline.panel.reading.sample import Sample
from pipeline.panel.reading.tables import sheet_names
from pipeline.proposing.cubes import sample_cube, where_sold
from pipeline.proposing.roles import Roles, guess_roles
from pipeline.proposing.source import Source
from pipeline.proposing.wide import find_wide
from pipeline.proposing.wishes import Wishes
from pipeline.proposing.words import NUMERIC, identifier, meaning


def read_table(table: str, file: str, output: Path, wishes: Wishes) -> tuple[Source, Roles]:
    """Read a table, or the sheet of a workbook that is one, and find the roles of its columns.

    Parameters
    ----------
    table, file : str
        The table, and what the study calls it.
    output : Path
        The study.
    wishes : Wishes
        What the user says.

    Raises
    ------
    DataError
        When it cannot be read, or with every role that is open.
    """
    source = Source(identifier(Path(table).stem).replace("_", "-"), output.name, file)
    keys, folder = source.keys, str(output.parent)
    if format_of(table) == "excel":
        open_reader(describe_table(file, folder))  # says what is wrong with the file
        sheets = sheet_names(describe_table(file, folder).location)
        sheet = wishes.sheet or _choose_sheet(table, file, folder, sheets, wishes)
        if sheet != sheets[0]:
            keys["sheet"] = sheet
            source.reasons["sheet"] = (
                "you said so" if wishes.sheet else f"the one with a panel, of {', '.join(sheets)}"
            )
    elif wishes.sheet is not None:
        got = f"the sheet {wishes.sheet} of a file that is no workbook"
        raise DataError(f"Table {table}", [Problem("", None, "--sheet", got, "no sheet beside it")])
    if format_of(table) == "csv":
        _find_encoding(source, folder, wishes)
    elif wishes.encoding is not None:
        got = f"the encoding {wishes.encoding} of a file that is no text"
        raise DataError(f"Table {table}", [Problem("", None, "--encoding", got, "no encoding beside it")])
    if format_of(table) in ("netcdf", "zarr"):
        return source, _read_cube(table, describe_table(file, folder), wishes)
    sample = read_sample(describe_table(file, folder, **keys))
    if sample.decimal == ",":
        keys["decimal"], source.reasons["decimal"] = ",", "numbers are written with commas"
    wide = find_wide(sample) if wishes.firm is None and wishes.sales is None else None
    if wide is not None:
        keys["columns"] = wide.columns
        sample = read_sample(describe_table(file, folder, firm=wide.firm, sales=wide.sales, **keys))
        wishes = replace(wishes, firm=wide.firm, sales=wide.sales)
    _refuse_postings(table, sample)
    roles = guess_roles(sample, wishes)
    if wide is not None:
        roles.reasons |= dict.fromkeys(("firm", "sales"), "from the names of columns")
        roles.notes += [f"not {column}: only some firms have such a column." for column in wide.left_out]
    if roles.problems:
        raise DataError(f"Table {table}", roles.problems)
    return source, roles


def _read_cube(table: str, data: DataSection, wishes: Wishes) -> Roles:
    sample, left_out = sample_cube(data, wishes.sales)
    roles = guess_roles(sample, wishes)
    if roles.problems:
        raise DataError(f"Dataset {table}", roles.problems)
    roles.sample = where_sold(sample, roles.columns["sales"])
    roles.notes += left_out
    return roles


def _find_encoding(source: Source, folder: str, wishes: Wishes) -> None:
    """Note in which encoding a text is, unless it is the usual one."""
    name, reason = wishes.encoding, "you said so"
    if name is None:
        open_reader(
            describe_table(source.file, folder, encoding="latin-1")
        )  # says what is wrong with the file
        with open_binary(describe_table(source.file, folder).location) as file:
            name, reason = guess_encoding(file.read(LOOKED_AT))
        reason += "; --encoding says another one"
    if name != UTF_8:
        source.keys["encoding"], source.reasons["encoding"] = name, reason


def _choose_sheet(table: str, file: str, folder: str, sheets: Sequence[str], wishes: Wishes) -> str:
    """Choose the only sheet that has a panel; ask, or refuse, where there are several."""
    if len(sheets) == 1:
        return sheets[0]
    good = [sheet for sheet in sheets if _has_panel(file, folder, sheet, wishes)]
    if len(good) == 1:
        return good[0]
    if wishes.ask is not None:
        return wishes.ask("Which sheet holds the table?", good or sheets)
    got = f"{len(good) or len(sheets)} sheets that could be it: {', '.join(good or sheets)}"
    hint = "Say --sheet NAME, and --market, --firm, --time and --sales where they cannot be guessed."
    raise DataError(f"Table {table}", [Problem("", None, "the sheet", got, "one sheet", hint)])


def _has_panel(file: str, folder: str, sheet: str, wishes: Wishes) -> bool:
    try:
        sample = read_sample(describe_table(file, folder, sheet=sheet))
    except DataError:
        return False
    if not sample.rows:
        return False
    return find_wide(sample) is not None or not guess_roles(sample, replace(wishes, ask=None)).problems


def _refuse_postings(table: str, sample: Sample) -> None:
    """Say what to do with a ledger: its rows are postings, not firms and periods."""
    posting = [name for name in sample.columns if meaning(name, NUMERIC) == "posting"]
    if len(posting) < 2:
        return
    hint = (
        f"Write a study with `data: {{ledger: {table}, accounts: accounts.yaml, frequency: month}}` and an "
        "accounts file that says which accounts are sales and expenses: 'From a ledger' in the documentation."
    )
    got = f"accounting postings ({', '.join(posting)})"
    expected = "a table with a row, or a column, for each firm and period"
    raise DataError(f"Table {table}", [Problem("", None, "", got, expected, hint)])
