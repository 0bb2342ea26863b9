"""Labelled datasets (netCDF, zarr, xarray in memory) as rows, some markets at a time."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import xarray as xr

from pipeline.config.sections.data import DataSection, EffortSection
from pipeline.config.sections.location import is_url
from pipeline.panel.findings import Problems
from pipeline.panel.reading.files import open_binary
from pipeline.panel.reading.tables import Chunk, refusal

CELLS = 1 << 20
"""Cells of a variable that are loaded at once, unless one market has more."""


@dataclass(frozen=True)
class CubeReader:
    """Rows of a dataset: one per market, firm and period with sales. Where sales are nan the firm is absent.

    Attributes
    ----------
    dataset : Dataset
        Lazily opened.
    dims : tuple of str
        Names of the axes market, firm and time; market may be missing.
    sales : str
        Name of the variable that is nan where a firm is absent.
    """

    dataset: xr.Dataset = field(repr=False)
    dims: tuple[str, ...]
    sales: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the variables and coordinates."""
        return tuple(str(name) for name in self.dataset.variables)

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of the variables, broadcast over the axes that they lack."""
        if not self._check(names, problems):
            return
        sizes = [self.dataset.sizes[dim] for dim in self.dims]
        step = max(CELLS // max(int(np.prod(sizes[-2:])), 1), 1)
        labels = {dim: label_texts(self.dataset[dim].values) for dim in self.dims}
        for start in range(0, sizes[0] if len(sizes) == 3 else 1, step):
            stop = min(start + step, sizes[0])
            part = self.dataset if len(sizes) == 2 else self.dataset.isel({self.dims[0]: slice(start, stop)})
            yield self._rows(part[list(names)].load(), names, labels, start if len(sizes) == 3 else 0)

    def _rows(self, part: xr.Dataset, names: Sequence[str], labels: dict[str, pa.Array], start: int) -> Chunk:
        sales = part[self.sales].transpose(*self.dims)
        present = np.flatnonzero(~np.isnan(sales.values))
        index = dict(zip(self.dims, np.unravel_index(present, sales.shape), strict=True))
        columns: dict[str, pa.Array] = {}
        for name in names:
            if name in self.dims:
                codes = index[name] + (start if name == self.dims[0] else 0)
                columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), labels[name])
            else:
                values = part[name].broadcast_like(sales).transpose(*self.dims).values
                columns[name] = pa.array(values.reshape(-1)[present])
        return Chunk(columns, None)

    def _check(self, names: Sequence[str], problems: Problems) -> bool:
        """Check axes, labels and types; tell whether the rows can be read."""
        count_before = problems.counts.total()
        for dim in self.dims:
            self._check_axis(dim, problems)
        for name in names:
            self._check_variable(name, problems)
        if problems.counts.total() > count_before:
            return False
        if set(self.dims) - set(self.dataset[self.sales].dims):
            got = f"sales over {', '.join(str(dim) for dim in self.dataset[self.sales].dims)}"
            problems.add("missing axes", self.sales, got, f"sales over {', '.join(self.dims)}")
            return False
        return True

    def _check_axis(self, dim: str, problems: Problems) -> None:
        if dim not in self.dataset.dims:
            got = f"a dataset with the axes {', '.join(str(axis) for axis in self.dataset.dims)}"
            problems.add("missing axes", dim, got, f"an axis {dim}", "Name the axes in the study.")
        elif dim not in self.dataset.coords:
            problems.add("axes without labels", dim, "an axis without labels", f"a coordinate {dim}")

    def _check_variable(self, name: str, problems: Problems) -> None:
        variable = self.dataset[name]
        other_axes = [str(dim) for dim in variable.dims if dim not in self.dims]
        if other_axes:
            got, expected = f"a variable over {', '.join(other_axes)} as well", f"only {', '.join(self.dims)}"
            hint = "Select one position on that axis, or make a variable of each position."
            problems.add("further axes", name, got, expected, hint)
        elif name not in self.dims and variable.dtype.kind not in "fiub":
            got = f"a variable of type {variable.dtype}"
            problems.add("text in numbers", name, got, "numbers", column=name)


def label_texts(values: np.ndarray) -> pa.Array:
    """Write the labels of an axis as texts."""
    if values.dtype.kind == "M":
        return pa.array(np.datetime_as_string(values, unit="s").tolist(), pa.string())
    return pa.array([str(value) for value in values.tolist()], pa.string())


def open_cube(location: str, format_: str, data: DataSection) -> CubeReader:
    """Open a dataset without reading its values.

    Raises
    ------
    DataError
        When it cannot be opened.
    """
    # Under their names in the file: others are given to the rows.
    market, firm, time, sales = (
        _name_in_file(data, name) for name in (data.market, data.firm, data.time, data.sales)
    )
    dims = tuple(dim for dim in (market, firm, time) if dim is not None)
    try:
        if format_ == "zarr":
            with warnings.catch_warnings():
                # Stores with and without consolidated metadata can be read.
                warnings.filterwarnings(
                    "ignore", "Failed to open Zarr store with consolidated", RuntimeWarning
                )
                dataset = xr.open_dataset(location, engine="zarr", chunks=None, cache=False)
        else:
            dataset = xr.open_dataset(_netcdf_source(location), chunks=None, cache=False)
    except ImportError as error:
        hint = "Install what it needs, e.g. pip install 'beed[netcdf]'."
        raise refusal(location, str(error), f"the packages that read {format_}", hint) from None
    except (ValueError, OSError, KeyError) as error:
        raise refusal(location, f"{type(error).__name__}: {error}", f"a {format_} dataset") from None
    return CubeReader(dataset, dims, str(sales))


def _name_in_file(data: DataSection, name: str | None) -> str | None:
    of = data.columns.get(name, name) if name is not None else None
    return of if isinstance(of, str) else name


def _netcdf_source(location: str) -> str | BinaryIO:
    return open_binary(location) if is_url(location) else location


@dataclass(frozen=True)
class BlocksReader:
    """Rows of a panel that comes as datasets, one after the other."""

    columns: tuple[str, ...]
    blocks: Iterator[xr.Dataset] = field(repr=False)

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of each dataset."""
        for block in self.blocks:
            reader = CubeReader(_flat(block), _DIMS, "sales")
            yield from reader.chunks(names, problems)


_DIMS = ("market", "firm", "time")


def cube_blocks(blocks: Iterable[xr.Dataset], name: str) -> tuple[BlocksReader, DataSection]:
    """Make a reader of datasets such as `PanelSource.load` gives them, and its section `data`.

    Raises
    ------
    DataError
        When there are no datasets.
    """
    remaining = iter(blocks)
    first = next(remaining, None)
    if first is None:
        raise refusal(name, "no dataset", "one dataset or more")
    efforts = {}
    for effort in first["effort"].values.tolist():
        labels = {
            key: first[key].sel(effort=effort).item()
            for key in ("kind", "unit", "description")
            if key in first
        }
        efforts[effort] = EffortSection(column=_column(effort), **labels)
    data = DataSection(file=name, market="market", firm="firm", time="time", sales="sales", efforts=efforts)
    columns = (*_DIMS, "sales", *(_column(effort) for effort in efforts))
    return BlocksReader(columns, itertools.chain([first], remaining)), data


def _column(effort: str) -> str:
    return f"efforts.{effort}"


def _flat(block: xr.Dataset) -> xr.Dataset:
    """Make a variable of each effort."""
    coords = {dim: block[dim] for dim in _DIMS}
    efforts = {
        _column(name): block["efforts"].sel(effort=name, drop=True)
        for name in block["effort"].values.tolist()
    }
    return xr.Dataset({"sales": block["sales"], **efforts}, coords=coords)
