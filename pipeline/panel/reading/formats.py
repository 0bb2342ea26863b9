"""From the `data` section of a study to a reader of rows: formats, places, columns that must be there."""

from collections.abc import Sequence
from pathlib import Path

from kernels.formula.expression import Expression, ExpressionError, parse
from pipeline.config.sections.data import DataSection
from pipeline.config.sections.file_format import Format, expected_endings, format_of
from pipeline.config.sections.ledger.chart import chart_of
from pipeline.config.sections.ledger.efforts import load_accounts
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.location import is_url
from pipeline.errors import DataError
from pipeline.names import did_you_mean, did_you_mean_file, one_of
from pipeline.panel.efforts import Effort, build_effort
from pipeline.panel.findings import Problems
from pipeline.panel.ledger.read import read_ledger
from pipeline.panel.reading.cubes import open_cube
from pipeline.panel.reading.encoding import UTF_8
from pipeline.panel.reading.files import locate
from pipeline.panel.reading.renamed import rename_columns
from pipeline.panel.reading.tables import CsvReader, ExcelReader, ParquetReader, Reader, refusal


def open_source(data: DataSection | LedgerSection) -> tuple[Reader, DataSection]:
    """Open the source of a study; postings are read and summed, of other sources no rows are read yet.

    Returns
    -------
    reader : Reader
        The rows.
    data : DataSection
        What their columns mean.

    Raises
    ------
    ConfigError
        When the accounts file is wrong.
    DataError
        When the source does not exist, cannot be opened or has an unknown format, or with everything that is
        wrong with postings.
    """
    if not isinstance(data, LedgerSection):
        return rename_columns(open_reader(data), data), data
    accounts = load_accounts(data.accounts_location)
    ledger = read_ledger(open_reader(data), data, chart_of(accounts), accounts.currency)
    return ledger, data.table(ledger.currency)


def open_reader(data: DataSection | LedgerSection) -> Reader:
    """Open the file of a study, reading no rows yet.

    Raises
    ------
    DataError
        When it does not exist, cannot be opened, or has an unknown format.
    """
    location = data.location
    format_ = data.format or format_of(location)
    if format_ is None:
        name = location.rstrip("/").rpartition("/")[2]
        raise refusal(
            location, f"a file called {name}", expected_endings(), "Name the format with data.format."
        )
    try:
        _require_existence(location)
        return _open_format(location, format_, data)
    except DataError:
        raise
    except ImportError as error:
        scheme = location.partition("://")[0]
        hint = "Install the fsspec file system for it, or copy the file to this machine."
        raise refusal(location, str(error), f"a file system for {scheme}://", hint) from None
    except (OSError, ValueError) as error:
        raise refusal(location, f"{type(error).__name__}: {error}", "a file that can be read") from None


def _open_format(location: str, format_: Format, data: DataSection | LedgerSection) -> Reader:
    match format_:
        case "csv":
            return CsvReader.open(location, data.encoding or UTF_8)
        case "parquet":
            return ParquetReader.open(location)
        case "excel":
            return ExcelReader.open(location, data.sheet if isinstance(data, DataSection) else None)
    if isinstance(data, DataSection):
        return open_cube(location, format_, data)
    raise refusal(location, f"postings in {format_}", "CSV, Parquet or Excel", "Convert them to a table.")


def _require_existence(location: str) -> None:
    filesystem, path = locate(location)
    if filesystem.exists(path):
        return
    hint = "" if is_url(location) else did_you_mean_file(Path(location))
    raise refusal(location, "no such file", "a file that exists", hint, "data.file")


def required_columns(data: DataSection, columns: Sequence[str], problems: Problems) -> tuple[Effort, ...]:
    """Check that all columns the study names exist, and make its efforts.

    Parameters
    ----------
    data : DataSection
        The study's section.
    columns : sequence of str
        Columns of the source.
    problems : Problems
        Receives what is wrong.

    Returns
    -------
    tuple of Effort
        Those that can be made.
    """
    for key in ("market", "firm", "time", "sales"):
        column = getattr(data, key)
        if column is not None and column not in columns:
            _unknown(problems, f"data.{key}", column, columns)
    efforts = []
    for name, section in data.efforts.items():
        key = f"data.efforts.{name}"
        column = section.column or name
        if (section.formula is None or section.role is not None) and column not in columns:
            _unknown(problems, key, column, columns)
            continue
        try:
            efforts.append(build_effort(name, section, columns))
        except ExpressionError as error:
            problems.add("formulas", key, str(error).rstrip("."), "a formula over the columns of the data")
    return tuple(efforts)


def row_filter(data: DataSection, columns: Sequence[str], problems: Problems) -> Expression | None:
    """Make the study's filter of rows; None without one, or when it cannot be read, which is reported."""
    if data.filter is None:
        return None
    try:
        return parse(data.filter, columns)
    except ExpressionError as error:
        problems.add(
            "formulas", "data.filter", str(error).rstrip("."), "a formula over columns, e.g. week >= 60"
        )
        return None


def _unknown(problems: Problems, key: str, column: str, columns: Sequence[str]) -> None:
    hint = did_you_mean(column, columns)
    problems.add("unknown columns", key, f"the column {column}", one_of(columns), hint)
