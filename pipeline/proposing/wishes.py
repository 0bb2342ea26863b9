"""What the user says about a table beforehand, and how she is asked for the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Ask = Callable[[str, Sequence[str]], str]
"""Asks a question that has one of the given answers."""


@dataclass(frozen=True)
class Wishes:
    """Columns that the user names; None for those to be guessed.

    Attributes
    ----------
    market, firm, time, sales : str or None
        Columns.
    sheet : str or None
        Sheet of a workbook.
    encoding : str or None
        Of a file of text.
    ask : callable or None
        Asks for what cannot be guessed; None where nobody can answer.
    """

    market: str | None = None
    firm: str | None = None
    time: str | None = None
    sales: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    ask: Ask | None = None
