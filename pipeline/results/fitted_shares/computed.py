"""Calibrated shares from estimates: what a sweep need not store, since it follows from its parameters."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.models.one_step import shares_of_all_periods
from pipeline.panel.market import MarketArrays, first_periods, iterate_markets
from pipeline.results.fitted_shares.compose import compose, places_of
from pipeline.results.tables.cubes import read_cells
from pipeline.results.tables.sweep_tables import Selection, SweepTables
from pipeline.status import is_usable
from pipeline.store.format.layout import panel_path
from pipeline.store.read import open_dataset
from pipeline.validation.windows import Window, windows_of

if TYPE_CHECKING:
    import xarray as xr

#: Markets whose data are in memory at once.
_BLOCK = 256


def fitted_shares(
    tables: SweepTables, model: str, markets: Selection, wanted: NDArray[np.bool_] | None = None
) -> Floats:
    """Give the calibrated shares of a model, from the store or from its estimates.

    Parameters
    ----------
    tables
        Of the sweep.
    model
        One of its models.
    markets
        Places along the market axis.
    wanted : (market, window) array, optional
        The fits whose shares are computed where they are not stored; by default all.

    Returns
    -------
    (market, window, firm, time) array
        nan where there is no usable fit, no firm or no period.

    Raises
    ------
    QueryError
        They are not stored, and the sweep does not hold the study to compute them by.
    """
    stored = tables.trajectory_arrays(model).get("share")
    status = read_cells(tables.arrays(model)["status"], markets)
    if stored is None:
        sizes = [len(tables.labels(axis)) for axis in ("firm", "time")]
        share = np.full((*status.shape, *sizes), np.nan)
    else:
        share = read_cells(stored, markets)
    missing = is_usable(status) & np.isnan(share).all(axis=(2, 3))
    missing &= True if wanted is None else wanted
    if missing.any():
        _compute(tables, model, np.arange(len(tables.labels("market")))[markets], missing, share)
    return share


def _compute(tables: SweepTables, model: str, places: np.ndarray, missing: np.ndarray, share: Floats) -> None:
    """Put the shares of the cells (market, window) that are missing into their places."""
    panel = open_dataset(tables.session, panel_path(tables.info.data_hash))
    efforts = tuple(map(str, panel["effort"].values))
    windows, rows = windows_of(tables.study.validation), np.flatnonzero(missing.any(axis=1))
    for start in range(0, rows.size, _BLOCK):
        some = rows[start : start + _BLOCK]
        values = read_cells(tables.arrays(model)["value"], places[some])
        block = panel.isel(market=places[some]).load()
        for row, market, estimates in zip(some, iterate_markets(block), values, strict=True):
            within = _within(panel, market)
            for column in np.flatnonzero(missing[row]):
                found = _share(tables, model, market, efforts, windows[column], estimates[column])
                share[row, column][within] = found.T


def _within(panel: "xr.Dataset", market: MarketArrays) -> tuple[np.ndarray, ...]:
    firms = np.searchsorted(panel["firm"].values, market.firms)
    return np.ix_(firms, np.searchsorted(panel["time"].values, market.times))


def _share(
    tables: SweepTables,
    model: str,
    market: MarketArrays,
    efforts: tuple[str, ...],
    window: Window,
    estimates: np.ndarray,
) -> Floats:
    """Model the shares (T, N) of all periods by the estimates of a window, in the order of the store."""
    training = first_periods(market, window.n_training(market.times.size))
    problem = compose(tables, model, training, efforts, window.name)
    places, named = places_of(problem, tables.params_of(model))
    theta = np.where(named, estimates[places], problem.start)
    share = shares_of_all_periods(problem, theta, market, tables.study.fit.initial)
    return np.full((market.times.size, market.firms.size), np.nan) if share is None else share
