"""The first rows of a table, column by column, as texts and as numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        As in the table.
    texts : Series of str
        The values as text, without spaces around them; None where there is none.
    numbers : (rows,) array of float64
        As numbers; nan where there is none.
    wrong : int
        How many values are text, and no number.
    title, unit : str
        What a labelled dataset says of it; empty where it says nothing.
    """

    name: str
    texts: pd.Series
    numbers: np.ndarray
    wrong: int
    title: str = ""
    unit: str = ""

    @cached_property
    def distinct(self) -> list[str]:
        """The different values, as text, in order of appearance."""
        return [str(text) for text in self.texts.dropna().unique()]

    @property
    def is_number(self) -> bool:
        """Whether all values are numbers, and there are some."""
        return self.wrong == 0 and bool(np.isfinite(self.numbers).any())

    @cached_property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers."""
        present = self.numbers[np.isfinite(self.numbers)]
        return self.is_number and bool((present == np.round(present)).all())

    @property
    def example(self) -> str:
        """The first value, for messages."""
        return repr(self.distinct[0]) if self.distinct else "nothing"

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(self.texts.isna().sum())


@dataclass(frozen=True)
class Sample:
    """The first rows of a table.

    Attributes
    ----------
    columns : dict of str to Column
        By name.
    rows : int
        How many rows.
    complete : bool
        Whether these are all.
    decimal : str
        Sign before decimals.
    axes : tuple of str
        Of a labelled dataset: the columns that name markets, firms and periods, and nothing else does.
    """

    columns: dict[str, Column]
    rows: int
    complete: bool
    decimal: str
    axes: tuple[str, ...] = ()
