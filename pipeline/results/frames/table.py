"""A table of named columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import QueryError
from pipeline.results.frames.cells import format_cell, plain_values
from pipeline.results.frames.text import aligned_text

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# Rows that a notebook shows.
_SHOWN = 60


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows as columns: ``columns[name]`` is an array of shape (rows,); missing values are nan or None.

    Small on purpose: pandas takes 0.8 s to import, and a point query does not need it.
    """

    columns: Mapping[str, np.ndarray]

    @classmethod
    def from_rows(cls, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "Table":
        """Make a table from rows of Python values."""
        return cls({name: _column([row[number] for row in rows]) for number, name in enumerate(names)})

    def __len__(self) -> int:
        return next((len(column) for column in self.columns.values()), 0)

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self.columns[name]
        except KeyError:
            from pipeline.names import did_you_mean

            hint = did_you_mean(str(name), self.columns)
            raise KeyError(f"No column {name!r}; there are: {', '.join(self.columns)}. {hint}") from None

    def __repr__(self) -> str:
        more = f"\n... {len(self)} rows, the first {_SHOWN} shown" if len(self) > _SHOWN else ""
        return f"{aligned_text(self.take(slice(_SHOWN)).columns)}{more}"

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield rows of Python values, None where something is missing."""
        return zip(*(plain_values(column) for column in self.columns.values()), strict=True)

    def records(self) -> list[dict[str, Any]]:
        """Give the rows as mappings from column to Python value, None where something is missing."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows()]

    def take(self, index: np.ndarray | slice) -> "Table":
        """Select rows."""
        return Table({name: column[index] for name, column in self.columns.items()})

    def select(self, names: Sequence[str]) -> "Table":
        """Select columns, in this order; names that the table does not have are left out."""
        return Table({name: self.columns[name] for name in names if name in self.columns})

    def to_xarray(self, *axes: str) -> "xr.Dataset":
        """Turn it into labelled arrays, one for each column that is no axis.

        Parameters
        ----------
        *axes
            Columns that together name each row once; without any, the number of the row.

        Raises
        ------
        QueryError
            The table has no such column, or several rows of the same labels.
        """
        frame = self.to_pandas()
        if not axes:
            return frame.rename_axis("row").to_xarray()
        if unknown := [name for name in axes if name not in self.columns]:
            raise QueryError(f"No column {', '.join(unknown)}; the columns are {', '.join(self.columns)}.")
        if (twice := frame.duplicated(list(axes)).to_numpy()).any():
            labels = ", ".join(f"{name} {self[name][np.argmax(twice)]}" for name in axes)
            raise QueryError(f"Several rows are of {labels}: name further columns as axes.")
        return frame.set_index(list(axes)).to_xarray()

    def to_pandas(self) -> "pd.DataFrame":
        """Turn it into a data frame."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(format_cell(value))}</td>" for value in row) + "</tr>"
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
        missing = np.array([value is None for value in plain_values(column)], dtype=bool)
        present = np.flatnonzero(~missing)
        ranks = np.unique(column[present], return_inverse=True)[1]
        order = np.argsort(-ranks if key.startswith("-") else ranks, kind="stable")
        return self.take(np.concatenate([present[order], np.flatnonzero(missing)]))


def _column(values: list[Any]) -> np.ndarray:
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values)
    if values and all(isinstance(value, int | np.integer) for value in values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, int | float | np.number) or value is None for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=object)
