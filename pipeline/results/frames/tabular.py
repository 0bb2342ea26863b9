"""Answers that have a table: all of them are shown, and turned into other things, in one way."""

from abc import abstractmethod
from html import escape
from typing import TYPE_CHECKING, ClassVar

from pipeline.results.frames.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Tabular:
    """An answer whose numbers are rows of a table; in a notebook or on a terminal it shows them.

    Attributes
    ----------
    axes : tuple of str
        Columns of the table that name each row once.
    """

    axes: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def table(self) -> Table:
        """All numbers, a row for each combination of `axes`."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in a line."""

    def to_pandas(self) -> "pd.DataFrame":
        """Turn it into a data frame, the rows of `table`."""
        return self.table.to_pandas()

    def to_xarray(self) -> "xr.Dataset":
        """Turn it into labelled arrays over `axes`, one for each of the other columns."""
        return self.table.to_xarray(*self.axes)

    def __repr__(self) -> str:
        return f"{self.title}\n{self.table!r}"

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return f"<p><b>{escape(self.title)}</b></p>{self.table._repr_html_()}"
