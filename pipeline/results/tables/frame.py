"""A table of named columns, and how it is written: for people, CSV, JSON, Parquet."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

# Rows that a notebook shows.
_SHOWN = 60
FORMATS = ("table", "csv", "json", "parquet")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as columns: ``columns[name]`` is an array of shape (rows,); missing values are nan or None."""

    columns: Mapping[str, np.ndarray]

    @classmethod
    def from_rows(cls, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "Table":
        """Make a table from rows of Python values."""
        return cls({name: _column([row[place] for row in rows]) for place, name in enumerate(names)})

    def __len__(self) -> int:
        return next((len(column) for column in self.columns.values()), 0)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield rows of Python values, None where something is missing."""
        return zip(*(_plain(column) for column in self.columns.values()), strict=True)

    def take(self, index: np.ndarray | slice) -> "Table":
        """Select rows."""
        return Table({name: column[index] for name, column in self.columns.items()})

    def to_pandas(self) -> "pd.DataFrame":
        """Turn it into a data frame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from html import escape

        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
            for row in self.take(slice(_SHOWN)).rows()
        )
        more = f"<p>{len(self)} rows, the first {_SHOWN} shown</p>" if len(self) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def sorted(self, key: str) -> "Table":
        """Sort by a column, descending when the name starts with a dash; missing values go last.

        Raises
        ------
        QueryError
            No such column.
        """
        name = key.removeprefix("-")
        if name not in self.columns:
            raise QueryError(f"Cannot sort by {name!r}; the columns are {', '.join(self.columns)}.")
        column = self.columns[name]
        missing = np.array([value is None for value in _plain(column)], dtype=bool)
        present = np.flatnonzero(~missing)
        ranks = np.unique(column[present], return_inverse=True)[1]
        order = np.argsort(-ranks if key.startswith("-") else ranks, kind="stable")
        return self.take(np.concatenate([present[order], np.flatnonzero(missing)]))


def format_table(table: Table, style: str = "table") -> str | bytes:
    """Write a table.

    Parameters
    ----------
    table
        What to write.
    style
        ``table`` (aligned text, six digits), ``csv`` and ``json`` (all digits), ``parquet`` (bytes).

    Raises
    ------
    QueryError
        An unknown style.
    """
    match style:
        case "table":
            return _text(table)
        case "csv":
            return _csv(table)
        case "json":
            names = list(table.columns)
            records = [dict(zip(names, map(_jsonable, row), strict=True)) for row in table.rows()]
            return json.dumps(records, indent=1, ensure_ascii=False)
        case "parquet":
            return _parquet(table)
    raise QueryError(f"Got the format {style!r}; expected one of {', '.join(FORMATS)}.")


def _column(values: list[Any]) -> np.ndarray:
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values)
    if values and all(isinstance(value, int | np.integer) for value in values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, int | float | np.number) or value is None for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=object)


def _plain(column: np.ndarray) -> list[Any]:
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    if column.dtype.kind == "M":
        return [None if np.isnat(value) else _date(value) for value in column]
    if column.dtype.kind == "m":
        return [None if np.isnat(value) else str(value) for value in column]
    return column.tolist()


def _date(value: np.datetime64) -> str:
    return str(value).removesuffix("T00:00:00.000000").removesuffix("T00:00:00")


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_jsonable(item) for item in _plain(value)]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _csv(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if value is None else value for value in row] for row in table.rows())
    return out.getvalue()


def _text(table: Table) -> str:
    cells = [[_cell(value) for value in _plain(column)] for column in table.columns.values()]
    numeric = [column.dtype.kind in "biuf" for column in table.columns.values()]
    widths = [
        max(len(name), *map(len, column)) if column else len(name)
        for name, column in zip(table.columns, cells, strict=True)
    ]
    lines = [list(table.columns), ["-" * width for width in widths], *zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _parquet(table: Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(to_arrow(table), sink)
    return sink.getvalue()


def to_arrow(table: Table) -> Any:
    """Turn a table into one of pyarrow, nan into null."""
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(
                column.tolist() if column.dtype.kind in "OU" else _microseconds(column), from_pandas=True
            )
            for name, column in table.columns.items()
        }
    )


def _microseconds(column: np.ndarray) -> np.ndarray:
    return column.astype("datetime64[us]") if column.dtype.kind == "M" else column
