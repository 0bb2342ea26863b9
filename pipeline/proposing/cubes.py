"""Labelled datasets (netCDF, zarr) of which nothing is known, as the rows of a table."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.config.sections.data import DataSection
from pipeline.errors import DataError, Problem
from pipeline.names import did_you_mean, one_of
from pipeline.panel.reading.cubes import CubeReader, label_texts
from pipeline.panel.reading.first_rows import ROWS
from pipeline.panel.reading.formats import open_reader
from pipeline.panel.reading.sample import Column, Sample
from pipeline.proposing.words import LABELS, NUMERIC, meaning_of

_SALES = ("sales", "quantity", "share")
_NUMBERS = "fiub"


def sample_cube(data: DataSection, sales: str | None) -> tuple[Sample, list[str]]:
    """Read the axes of a dataset as labels and its variables as numbers, a row for each place.

    Parameters
    ----------
    data : DataSection
        Of the file.
    sales : str or None
        The variable of sales, where the user names it: its axes are those of the panel.

    Returns
    -------
    sample : Sample
        With as many places as are looked at of a table.
    left_out : list of str
        Sentences on variables that are not taken.

    Raises
    ------
    DataError
        When the file cannot be read, or has no variable over firms and periods.
    """
    reader = open_reader(data)
    assert isinstance(reader, CubeReader)
    dataset = reader.dataset
    axes = _axes(dataset, data, sales)
    part = _first_places(dataset, axes)
    columns = {axis: _labels(part, axis, axes) for axis in axes}
    left_out = []
    for name, variable in ((str(name), dataset[name]) for name in dataset.variables if name not in axes):
        further = [str(dim) for dim in variable.dims if dim not in axes]
        if further:
            also = ", ".join(further)
            left_out.append(f"not {name}: it has the axis {also} as well; make a variable of each position.")
        elif variable.dtype.kind not in _NUMBERS:
            left_out.append(f"not {name}: no numbers, but {variable.dtype}.")
        elif variable.dims:
            columns[name] = _numbers(part, name, axes)
    rows = int(np.prod([part.sizes[axis] for axis in axes]))
    return Sample(columns, rows, part.sizes == dataset.sizes, ".", axes), left_out


def where_sold(sample: Sample, sales: str) -> Sample:
    """Leave out the places without sales: the firm is absent there."""
    sold = np.flatnonzero(np.isfinite(sample.columns[sales].numbers))
    columns = {
        name: replace(column, texts=column.texts.iloc[sold], numbers=column.numbers[sold])
        for name, column in sample.columns.items()
    }
    return replace(sample, columns=columns, rows=sold.size)


def _axes(dataset: xr.Dataset, data: DataSection, sales: str | None) -> tuple[str, ...]:
    """Find the two or three axes of the panel: those of sales, or of most variables."""
    variables = {
        str(name): variable
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in _NUMBERS and variable.ndim in (2, 3)
    }
    heading = f"Data {data.location}"
    if not variables or (sales is not None and sales not in variables):
        got = f"the variable {sales}" if variables else _summary(dataset)
        expected = (
            one_of(variables) if variables else "variables over firms and periods, and markets if several"
        )
        key = "--sales" if variables else ""
        hint = did_you_mean(str(sales), list(variables)) if variables else ""
        raise DataError(heading, [Problem("", None, key, got, expected, hint)])
    known = {name: meaning_of(_column(variable), NUMERIC) for name, variable in variables.items()}
    named = [name for kind in _SALES for name in known if known[name] == kind]
    usual = Counter(variable.dims for variable in variables.values()).most_common(1)[0][0]
    dims = variables[sales or named[0]].dims if sales or named else usual
    bare = [str(dim) for dim in dims if dim not in dataset.coords]
    if bare:
        expected = "a coordinate of each axis, with the names of markets and firms and the periods"
        raise DataError(heading, [Problem("", None, ", ".join(bare), "an axis without labels", expected)])
    return tuple(str(dim) for dim in dims)


def _summary(dataset: xr.Dataset) -> str:
    shapes = ", ".join(
        f"{name} over {' and '.join(map(str, of.dims)) or 'nothing'}" for name, of in dataset.items()
    )
    return f"the variables {shapes}" if shapes else "a dataset without variables"


def _first_places(dataset: xr.Dataset, axes: tuple[str, ...]) -> xr.Dataset:
    """Cut the longest axis that is no time, until as many places are left as are looked at."""
    places = int(np.prod([dataset.sizes[axis] for axis in axes]))
    if places <= ROWS:
        return dataset
    names = [axis for axis in axes if not _is_time(dataset[axis])] or list(axes)
    longest = max(names, key=lambda axis: dataset.sizes[axis])
    return dataset.isel({longest: slice(max(ROWS * dataset.sizes[longest] // places, 2))})


def _is_time(axis: xr.DataArray) -> bool:
    if axis.dtype.kind == "M" or axis.attrs.get("axis") == "T":
        return True
    return meaning_of(_column(axis), LABELS) == "time"


def _labels(part: xr.Dataset, axis: str, axes: tuple[str, ...]) -> Column:
    """Write the labels of an axis at every place."""
    place = np.indices([part.sizes[name] for name in axes])[axes.index(axis)].reshape(-1)
    labels = pd.Series(label_texts(part[axis].to_numpy()).to_pylist(), dtype=object)
    numbers = pd.to_numeric(labels, errors="coerce").to_numpy(np.float64)
    texts = labels.iloc[place].reset_index(drop=True)
    return _column(part[axis], texts, numbers[place], int(np.isnan(numbers).sum()))


def _numbers(part: xr.Dataset, name: str, axes: tuple[str, ...]) -> Column:
    """Give the numbers of a variable at every place."""
    like = xr.DataArray(np.empty([part.sizes[axis] for axis in axes]), dims=axes)
    whole = part[name].variable.astype(np.float64)
    numbers = xr.DataArray(whole).broadcast_like(like).transpose(*axes).to_numpy().reshape(-1)
    texts = pd.Series([f"{number:.15g}" for number in numbers], dtype=object)
    return _column(part[name], texts.where(np.isfinite(numbers), None), numbers)


def _column(
    variable: xr.DataArray, texts: pd.Series | None = None, numbers: np.ndarray | None = None, wrong: int = 0
) -> Column:
    """Describe a variable by its name and attributes, with its values where they are known."""
    attributes = variable.attrs
    title = next((str(attributes[key]) for key in ("long_name", "standard_name") if attributes.get(key)), "")
    if attributes.get("axis") == "T" and not title:
        title = "time"
    texts = pd.Series(dtype=object) if texts is None else texts
    numbers = np.empty(0) if numbers is None else numbers
    return Column(str(variable.name), texts, numbers, wrong, title, str(attributes.get("units", "")))
