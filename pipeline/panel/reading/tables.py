"""Tidy tables as rows, chunk by chunk: CSV is streamed, Parquet read in batches, Excel read whole."""

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset

from pipeline.errors import DataError, Problem
from pipeline.names import did_you_mean, one_of
from pipeline.panel.findings import LISTED, Problems
from pipeline.panel.reading.encoding import UTF_8, NotTextError, Utf8Stream
from pipeline.panel.reading.files import locate, open_binary
from pipeline.panel.reading.numbers import DECIMAL_HINT

CHUNK_ROWS = 65_536
CHUNK_BYTES = 4 << 20
MISSING_TEXTS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")
"""Texts that mean "no value" in CSV files and sheets."""


class Chunk(NamedTuple):
    """Consecutive rows: an Arrow array per column, and the rows' numbers in the source if it has any."""

    columns: dict[str, pa.Array]
    rows: np.ndarray | None


class Reader(Protocol):
    """A source of rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of some columns; report rows that cannot be read."""


def _no_text(encoding: str) -> tuple[str, str, str]:
    """Say that bytes are no text: what was got, what was expected, what to do."""
    name = "UTF-8" if encoding == UTF_8 else encoding
    return (
        f"text that is not {name}",
        f"a {name} file",
        "Say which it is with data.encoding, e.g. cp1252 or cp1251, or save the file with encoding UTF-8.",
    )


@dataclass(frozen=True)
class CsvReader:
    """Rows of a CSV file with a header; values stay text. Row numbers are lines, the header being line 1."""

    location: str
    columns: tuple[str, ...]
    delimiter: str
    encoding: str = UTF_8

    @classmethod
    def open(cls, location: str, encoding: str = UTF_8) -> "CsvReader":
        """Read the header; the separator is the most frequent in it of comma, semicolon, tab and bar."""
        with open_binary(location) as file:
            try:
                header = Utf8Stream(file, encoding).read(1 << 20).decode("utf-8-sig", "ignore")
            except NotTextError:
                raise refusal(location, *_no_text(encoding)) from None
        header = header.lstrip("\ufeff").split("\n", 1)[0].split("\r", 1)[0]
        if not header.strip():
            raise refusal(location, "an empty file", "a header and one row per firm and period")
        delimiter = max(",;\t|", key=header.count)
        names = [name.strip() for name in next(csv.reader(io.StringIO(header), delimiter=delimiter))]
        return cls(location, _unique(location, names), delimiter, encoding)

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows as text; missing values are null."""
        skipped: list[int] = []
        wrong: list[pyarrow.csv.InvalidRow] = []

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            skipped.append(row.number)
            if len(wrong) < LISTED:
                wrong.append(row)
            return "skip"

        text = pa.string()
        convert = pyarrow.csv.ConvertOptions(
            include_columns=list(names),
            column_types=dict.fromkeys(names, text),
            null_values=list(MISSING_TEXTS),
            strings_can_be_null=True,
        )
        # Only the single-threaded parser knows line numbers; blank lines count.
        parse = pyarrow.csv.ParseOptions(
            delimiter=self.delimiter, invalid_row_handler=skip, ignore_empty_lines=False
        )
        read = pyarrow.csv.ReadOptions(
            use_threads=False, block_size=CHUNK_BYTES, column_names=list(self.columns), skip_rows=1
        )
        start = 0
        with open_binary(self.location) as file:
            try:
                for batch in pyarrow.csv.open_csv(Utf8Stream(file, self.encoding), read, parse, convert):
                    yield Chunk(_as_dict(batch), _line_numbers(start, batch.num_rows, skipped))
                    start += batch.num_rows
                self._report_skipped(wrong, len(skipped), start, problems)
            except NotTextError:
                problems.add("a file that cannot be read", "", *_no_text(self.encoding))
            except pa.ArrowInvalid as error:
                if "Empty CSV" in str(error) or "skip initial" in str(error):
                    return  # a header and nothing else
                hint = "Save the file as CSV with encoding UTF-8."
                problems.add("a file that cannot be read", "", str(error), "a CSV file", hint)

    def _report_skipped(
        self, wrong: Sequence[pyarrow.csv.InvalidRow], count: int, read: int, problems: Problems
    ) -> None:
        """Report rows of the wrong length; when most are, and too long, decimal commas are the reason."""
        if not wrong:
            return
        kind, first = "rows of the wrong length", wrong[0]
        if (
            self.delimiter == ","
            and count > read
            and all(row.actual_columns > row.expected_columns for row in wrong)
        ):
            got = f"{count:,} rows with more values than columns: decimal commas between commas?"
            problems.add(kind, "", got, "decimal points", DECIMAL_HINT, row=first.number)
            return
        for row in wrong:
            expected = f"{row.expected_columns}, as in the header"
            got, hint = f"{row.actual_columns} values", "Quote values with separators."
            problems.add(kind, "", got, expected, hint, row=row.number)
        problems.counts[kind, ""] += count - len(wrong)


def _line_numbers(start: int, count: int, skipped: Sequence[int]) -> np.ndarray:
    """Give the lines of ``count`` rows after the first ``start``, given the lines that were ``skipped``."""
    lines = np.arange(start, start + count) + 2
    if skipped:
        # Each skipped line moves the rows after it down by one.
        before = np.array(skipped, dtype=np.int64) - np.arange(len(skipped))
        lines += np.searchsorted(before, lines, side="right")
    return lines


@dataclass(frozen=True)
class ParquetReader:
    """Rows of a Parquet file, or of a folder of such files. Row numbers count from 1 over all files."""

    location: str
    dataset: pyarrow.dataset.Dataset = field(repr=False)

    @classmethod
    def open(cls, location: str) -> "ParquetReader":
        """Read the schema."""
        try:
            filesystem, path = locate(location)
            dataset = pyarrow.dataset.dataset(
                path, filesystem=filesystem, format="parquet", partitioning="hive"
            )
        except pa.ArrowInvalid as error:
            raise refusal(location, str(error), "a Parquet file") from None
        return cls(location, dataset)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.dataset.schema.names)

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:  # noqa: ARG002
        """Give the rows in the types of the file."""
        # Without pre-buffering and read-ahead memory holds one batch, however large the row groups are.
        scan = pyarrow.dataset.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
        scanner = self.dataset.scanner(
            columns=list(names),
            batch_size=CHUNK_ROWS,
            batch_readahead=1,
            fragment_readahead=1,
            use_threads=False,
            fragment_scan_options=scan,
        )
        start = 1
        for batch in scanner.to_batches():
            yield Chunk(_as_dict(batch), np.arange(start, start + batch.num_rows))
            start += batch.num_rows


@dataclass(frozen=True)
class ExcelReader:
    """Rows of a sheet of a workbook, read whole. Row numbers are those of the sheet."""

    location: str
    columns: tuple[str, ...]
    frame: pd.DataFrame = field(repr=False)

    @classmethod
    def open(cls, location: str, sheet: str | None = None) -> "ExcelReader":
        """Read a sheet, by default the first one."""
        with _open_book(location) as book:
            sheets = [str(name) for name in book.sheet_names]
            if sheet is not None and sheet not in sheets:
                hint = did_you_mean(sheet, sheets)
                raise refusal(location, f"the sheet {sheet}", one_of(sheets), hint, "data.sheet")
            frame = pd.read_excel(book, sheet_name=sheet or 0, dtype=object, na_filter=False)
        names = _unique(location, [str(name).strip() for name in frame.columns])
        return cls(location, names, frame.set_axis(list(names), axis="columns"))

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:  # noqa: ARG002
        """Give the rows as text."""
        columns = {
            name: pa.array([_cell_text(cell) for cell in self.frame[name]], pa.string()) for name in names
        }
        yield Chunk(columns, np.arange(len(self.frame)) + 2)


def sheet_names(location: str) -> list[str]:
    """List the sheets of a workbook.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    with _open_book(location) as book:
        return [str(name) for name in book.sheet_names]


@contextmanager
def _open_book(location: str) -> Iterator[pd.ExcelFile]:
    """Open a workbook; whatever a library for workbooks raises is a refusal."""
    try:
        # Named, because pandas warns that its choice for .xlsx will change.
        readers = ("io.excel.xlsx.reader", "openpyxl", "io.excel.xls.reader", "calamine")
        with open_binary(location) as file, pd.option_context(*readers), pd.ExcelFile(file) as book:
            yield book
    except ImportError as error:
        hint = "Install it with: pip install 'beed[excel]'."
        raise refusal(
            location, f"an Excel file ({error})", "the package that reads Excel files", hint
        ) from None
    except (OSError, DataError):
        raise
    except Exception as error:  # each library for workbooks raises different errors
        raise refusal(location, str(error), "an Excel workbook") from None


def _cell_text(cell: object) -> str | None:
    """Write a cell as it would stand in a CSV file."""
    if isinstance(cell, dt.date | dt.time):  # pandas' and Python's moments are dates
        return str(cell.isoformat())
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell)
    return None if text.strip() in MISSING_TEXTS else text


def refusal(location: str, got: str, expected: str, hint: str = "", key: str = "") -> DataError:
    """Make the error for a source that cannot be read."""
    return DataError(f"Data {location}", [Problem(location, None, key, got, expected, hint)])


def _as_dict(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _unique(location: str, names: Sequence[str]) -> tuple[str, ...]:
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        got = f"several columns called {', '.join(repeated)}"
        raise refusal(location, got, "a different name for every column", "Rename or remove the others.")
    # A study cannot name a column without a name; such columns only have to differ.
    return tuple(name or f"<column {number}>" for number, name in enumerate(names, 1))
