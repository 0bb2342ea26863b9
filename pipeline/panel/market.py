"""One market of a panel as plain arrays over its own firms and its own periods."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from pipeline.names import Label


@dataclass(frozen=True)
class MarketArrays:
    """What is known of one market. T of its own periods, N of its own firms, K efforts.

    Attributes
    ----------
    market : int or str
        Its label.
    firms : (N,) array
        Labels of the firms that ever sell in it.
    times : (T,) array
        Labels of the periods in which anyone sells in it.
    share : (T, N) array
        Shares of sales, summing to 1 over the firms that are there; nan for an absent firm.
    total_sales : (T,) array
        Sales of the market, currency per period.
    duration : (T,) array
        Time since the previous observed period, in periods: 1 without a gap, 2 when one period is missing
        before; 1 for the first period. So a period's efforts are taken to have acted since the last
        observation.
    efforts : (K, T, N) array
        Efforts; nan for an absent firm.
    active : (T, N) array of bool
        Whether the firm is there.
    reference_sales : float or None
        Fixed scale of the market, currency per period, where the study gives one.
    """

    market: Label
    firms: np.ndarray
    times: np.ndarray
    share: np.ndarray
    total_sales: np.ndarray
    duration: np.ndarray
    efforts: np.ndarray
    active: np.ndarray
    reference_sales: float | None = None


def market_arrays(dataset: xr.Dataset, market: Label) -> MarketArrays:
    """Take one market out of a panel, without the firms and periods that it does not have.

    Parameters
    ----------
    dataset : Dataset
        Panel with ``sales (market, firm, time)``, ``efforts (market, firm, effort, time)`` and the number
        ``period (time)`` of each period; lazy ones load this market only.
    market : int or str
        Label of the market.

    Raises
    ------
    KeyError
        When the panel has no such market.

    Notes
    -----
    A loop over all markets of a loaded panel is faster with `iterate_markets`.
    """
    try:
        part = dataset.sel(market=[market])
    except KeyError:
        raise KeyError(f"Got the market {market!r}; expected a label of the panel's axis market.") from None
    return next(iterate_markets(part))


def iterate_markets(dataset: xr.Dataset) -> Iterator[MarketArrays]:
    """Give every market of a panel in order, as `market_arrays` does; all of the dataset is loaded."""
    sales = dataset["sales"].transpose("market", "firm", "time").values
    efforts = dataset["efforts"].transpose("market", "effort", "time", "firm").values
    period = dataset["period"].values
    firms, times = dataset["firm"].values, dataset["time"].values
    reference = dataset.attrs.get("reference_sales")
    for index, label in enumerate(dataset["market"].values.tolist()):
        market = _compress(label, firms, times, period, sales[index].T, efforts[index])
        yield market if reference is None else replace(market, reference_sales=float(reference))


def _compress(
    label: Label,
    firms: np.ndarray,
    times: np.ndarray,
    period: np.ndarray,
    sales: np.ndarray,
    efforts: np.ndarray,
) -> MarketArrays:
    """Leave out rows and columns of ``sales`` (time, firm) without any sales, and of the rest likewise."""
    present = ~np.isnan(sales)
    own_times, own_firms = np.flatnonzero(present.any(axis=1)), np.flatnonzero(present.any(axis=0))
    own = np.ix_(own_times, own_firms)
    active = present[own]
    total = np.where(active, sales[own], 0.0).sum(axis=1)
    duration = np.ones(own_times.size)
    duration[1:] = np.diff(period[own_times])
    return MarketArrays(
        market=label,
        firms=firms[own_firms],
        times=times[own_times],
        share=sales[own] / total[:, np.newaxis],
        total_sales=total,
        duration=duration,
        efforts=np.ascontiguousarray(efforts[:, own_times[:, np.newaxis], own_firms]),
        active=active,
    )
