"""Problems of single rows, each with its place and its number in the source."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.panel.findings import Problems
from pipeline.panel.reading.numbers import DECIMAL_HINT, Numbers, has_decimal_comma, number_hint

NO_ROW = -1
"""Row number where the source is no table."""


@dataclass(frozen=True)
class RowReport:
    """Report problems of records that have a field ``row``, the number in the source or `NO_ROW`.

    Attributes
    ----------
    problems : Problems
        Receives them.
    where : callable
        Says where a record is; takes the record and the column, which may be empty.
    """

    problems: Problems
    where: Callable[[np.void, str], str]

    def add(
        self,
        kind: str,
        wrong: np.ndarray,
        rows: np.ndarray,
        got: Callable[[int], str],
        expected: str,
        hint: str = "",
        column: str = "",
    ) -> None:
        """Report the rows for which ``wrong`` is true; ``got(position)`` says what one of them has."""

        def describe(position: int) -> tuple[str, str, int | None]:
            row = rows[position]
            return self.where(row, column), got(position), _number(row)

        self.problems.add_each(kind, np.flatnonzero(wrong), describe, expected, hint, column=column)

    def add_values(
        self,
        kind: str,
        wrong: np.ndarray,
        rows: np.ndarray,
        values: np.ndarray,
        expected: str,
        hint: str = "",
        column: str = "",
    ) -> None:
        """Report the rows for which ``wrong`` is true with their ``values`` (rows,)."""

        def got(position: int) -> str:
            return "no value" if np.isnan(values[position]) else f"{values[position]:g}"

        self.add(kind, wrong, rows, got, expected, hint, column)

    def add_texts(self, numbers: Numbers, rows: np.ndarray, keep: np.ndarray, column: str) -> None:
        """Report the texts in a column of numbers, in the rows for which ``keep`` is true."""
        for position, text in zip(numbers.text.tolist(), numbers.texts, strict=False):
            if keep[position] and has_decimal_comma(text):
                # One for the whole table: it was saved like this, and is put right at once.
                got = f"{text!r}: decimal commas"
                self.problems.add_once(
                    "decimal commas", f"column {column}", got, "decimal points", DECIMAL_HINT
                )
            elif keep[position]:
                where, row = self.where(rows[position], column), _number(rows[position])
                got, hint = repr(text), number_hint(text)
                self.problems.add("text in numbers", where, got, "a number", hint, column=column, row=row)


def _number(row: np.void) -> int | None:
    return None if row["row"] == NO_ROW else int(row["row"])
