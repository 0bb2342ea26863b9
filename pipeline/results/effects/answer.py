"""Answers that are labelled arrays of an estimate and its interval; for people, rows of a table as well."""

from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    import pandas as pd


class Answer(xr.Dataset):
    """Arrays ``value``, ``stderr``, ``low`` and ``high`` over named axes: a Dataset in every respect.

    What xarray derives of it (``sel``, ``isel``, ...) is one, too.

    Examples
    --------
    >>> import beed
    >>> found = beed.effects(beed.open_store("runs/ledger"), intervals="none")
    >>> rows = found.sel(horizon="long_run", effort="product", effort_of="Burabay").to_pandas()
    >>> rows.set_index("share_of").value.round(2)["Burabay"].item()
    0.18
    """

    __slots__ = ()

    @classmethod
    def of(cls, found: xr.Dataset) -> "Answer":
        """Take the arrays of a dataset."""
        return cls(found.data_vars, found.coords, found.attrs)

    def to_pandas(self) -> "pd.DataFrame":
        """Turn it into a data frame: a row for every place with a value, with its labels in columns."""
        frame = self.to_dataframe().reset_index()
        labels = [str(name) for name in (*self.dims, *self.coords)]
        ordered = [*dict.fromkeys(labels), *map(str, self.data_vars)]
        return frame.loc[frame["value"].notna(), ordered].reset_index(drop=True)

    def to_xarray(self) -> xr.Dataset:
        """Turn it into a plain dataset."""
        return xr.Dataset(self.data_vars, self.coords, self.attrs)
