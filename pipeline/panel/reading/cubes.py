"""Reading labelled datasets (netCDF, zarr, xarray in memory) as rows, some markets at a time."""

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
"""Cells (of one variable) that are in memory at once, unless one market has more."""


@dataclass(frozen=True)
class CubeReader:
    """Rows of a dataset: one per market, firm and period with sales. Cells without sales are absent firms.

    Attributes
    ----------
    dataset : Dataset
        Lazily opened.
    dims : tuple of str
        Names of the axes market, firm and time; market may be missing.
    sales : str
        Name of the variable that says by nan who is absent.
    """

    dataset: xr.Dataset = field(repr=False)
    dims: tuple[str, ...]
    sales: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the variables and coordinates."""
        return tuple(str(name) for name in self.dataset.variables)

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:
        """Give the rows of the variables, broadcast over the axes that they do not have."""
        if not self._usable(names, problems):
            return
        sizes = [self.dataset.sizes[dim] for dim in self.dims]
        step = max(CELLS // max(int(np.prod(sizes[-2:])), 1), 1)
        labels = {dim: _label_texts(self.dataset[dim].values) for dim in self.dims}
        for start in range(0, sizes[0] if len(sizes) == 3 else 1, step):
            stop = min(start + step, sizes[0])
            part = self.dataset if len(sizes) == 2 else self.dataset.isel({self.dims[0]: slice(start, stop)})
            yield self._rows(part[list(names)].load(), names, labels, start if len(sizes) == 3 else 0)

    def _rows(self, part: xr.Dataset, names: Sequence[str], labels: dict[str, pa.Array], start: int) -> Chunk:
        shape = tuple(part.sizes[dim] for dim in self.dims)
        present = np.flatnonzero(~np.isnan(self._values(part[self.sales], shape)))
        index = dict(zip(self.dims, np.unravel_index(present, shape), strict=True))
        columns: dict[str, pa.Array] = {}
        for name in names:
            if name in self.dims:
                codes = index[name] + (start if name == self.dims[0] else 0)
                columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), labels[name])
            else:
                columns[name] = pa.array(self._values(part[name], shape)[present])
        return Chunk(columns, None)

    def _values(self, variable: xr.DataArray, shape: tuple[int, ...]) -> np.ndarray:
        axes = [dim for dim in self.dims if dim in variable.dims]
        values = variable.transpose(*axes).values
        expanded = tuple(size if dim in axes else 1 for dim, size in zip(self.dims, shape, strict=True))
        return np.broadcast_to(values.reshape(expanded), shape).reshape(-1)

    def _usable(self, names: Sequence[str], problems: Problems) -> bool:
        """Check axes, labels and types; problems are added."""
        good = True
        for dim in self.dims:
            if dim not in self.dataset.dims:
                got = f"a dataset with the axes {', '.join(str(d) for d in self.dataset.dims)}"
                problems.add(
                    "axes that are missing", dim, got, f"an axis {dim}", "Name the axes in the study."
                )
                good = False
            elif dim not in self.dataset.coords:
                problems.add("axes without labels", dim, "an axis without labels", f"a coordinate {dim}")
                good = False
        for name in names:
            variable = self.dataset[name]
            strange = [str(dim) for dim in variable.dims if dim not in self.dims]
            if strange:
                problems.add(
                    "further axes",
                    name,
                    f"a variable over {', '.join(strange)} as well",
                    f"a variable over {', '.join(self.dims)}",
                    "Select one position of that axis, or give each its own variable.",
                )
                good = False
            elif name not in self.dims and variable.dtype.kind not in "fiub":
                problems.add(
                    "text in numbers", name, f"a variable of type {variable.dtype}", "numbers", column=name
                )
                good = False
        if good and (set(self.dims) - set(self.dataset[self.sales].dims)):
            got = f"sales over {', '.join(str(d) for d in self.dataset[self.sales].dims)}"
            problems.add("axes that are missing", self.sales, got, f"sales over {', '.join(self.dims)}")
            good = False
        return good


def _label_texts(values: np.ndarray) -> pa.Array:
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
    dims = tuple(dim for dim in (data.market, data.firm, data.time) if dim is not None)
    try:
        if format_ == "zarr":
            with warnings.catch_warnings():
                # Both kinds of metadata are fine here; which one a store has is its writer's business.
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
    return CubeReader(dataset, dims, data.sales)


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
        When there is none.
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
    """Give every effort a variable of its own."""
    coords = {dim: block[dim] for dim in _DIMS}
    efforts = {
        _column(name): block["efforts"].sel(effort=name, drop=True)
        for name in block["effort"].values.tolist()
    }
    return xr.Dataset({"sales": block["sales"], **efforts}, coords=coords)
