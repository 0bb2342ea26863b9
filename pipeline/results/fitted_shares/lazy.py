"""Arrays computed from stored ones when their cells are asked for, so that nothing is read in advance."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from pipeline.results.fitted_shares.computed import fitted_shares
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.tables.trajectories import calibrated_sales, observed_shares

Indexers = dict[Hashable, Any]


class DerivedArray(BackendArray):
    """An array whose cells are computed on access.

    Parameters
    ----------
    sizes
        Its axes, in order.
    compute
        Called with indexers along some of ``first``; returns the cells, all other axes whole.
    first
        Axes along which a selection is passed on before anything is read.
    """

    def __init__(
        self,
        sizes: Mapping[Hashable, int],
        compute: Callable[[Indexers], xr.Variable],
        first: tuple[str, ...],
    ) -> None:
        self._dims = tuple(sizes)
        self._compute = compute
        self._first = first
        self.shape = tuple(sizes.values())
        self.dtype = np.dtype(np.float64)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._cells
        )

    def _cells(self, key: tuple[Any, ...]) -> np.ndarray:
        indexers = dict(zip(self._dims, key, strict=True))
        cells = self._compute({dim: indexers[dim] for dim in self._first})
        cells = cells.isel({dim: index for dim, index in indexers.items() if dim not in self._first})
        return cells.transpose(*(dim for dim in self._dims if dim in cells.dims)).to_numpy()


def derived(
    sizes: Mapping[Hashable, int],
    compute: Callable[[Indexers], xr.Variable],
    first: tuple[str, ...],
    attributes: Mapping[str, Any],
) -> xr.Variable:
    """Make a lazy variable of a `DerivedArray`."""
    lazy = indexing.LazilyIndexedArray(DerivedArray(sizes, compute, first))
    return xr.Variable(tuple(sizes), lazy, dict(attributes))


def lazy_share(tables: SweepTables, model: str) -> xr.Variable:
    """Shares as calibrated, lazily; see `pipeline.results.fitted_shares.computed.fitted_shares`.

    Parameters
    ----------
    tables
        Of the sweep.
    model
        One of its models.
    """
    sizes: dict[Hashable, int] = {
        axis: len(tables.labels(axis)) for axis in ("market", "window", "firm", "time")
    }
    dims = tuple(sizes)

    def compute(indexers: Indexers) -> xr.Variable:
        # Markets are all that is selected before anything is computed: one that was chosen by its number
        # alone comes as one market, and loses its axis afterwards.
        markets = np.arange(sizes["market"])[indexers["market"]]
        cells = xr.Variable(dims, fitted_shares(tables, model, np.atleast_1d(markets)))
        return cells if np.ndim(markets) else cells.isel(market=0)

    attributes = {"units": "1", "long_name": "market share, as calibrated"}
    return derived(sizes, compute, ("market",), attributes)


def lazy_observed_share(sales: xr.Variable) -> xr.Variable:
    """Shares of observed sales, lazily; nan where a firm is absent.

    Parameters
    ----------
    sales
        Axes market, firm, time.
    """

    def compute(indexers: Indexers) -> xr.Variable:
        cells = sales.isel(indexers)
        return cells.copy(data=observed_shares(cells.to_numpy(), cells.get_axis_num("firm")))

    attributes = {"units": "1", "long_name": "market share, as observed"}
    return derived(sales.sizes, compute, ("market", "time"), attributes)


def lazy_calibrated_sales(share: xr.Variable, sales: xr.Variable) -> xr.Variable:
    """Calibrated shares times the observed total sales of the market, lazily.

    Parameters
    ----------
    share
        Axes market, window, firm, time.
    sales
        Observed, axes market, firm, time.
    """

    def compute(indexers: Indexers) -> xr.Variable:
        cells = share.isel(indexers)
        seen = sales.isel(indexers).set_dims(cells.sizes)
        values = calibrated_sales(cells.to_numpy(), seen.to_numpy(), cells.get_axis_num("firm"))
        return cells.copy(data=values)

    attributes = {"units": sales.attrs.get("units", ""), "long_name": "sales, as calibrated"}
    return derived(share.sizes, compute, ("market", "time"), attributes)
