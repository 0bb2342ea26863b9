"""One market of a panel as arrays over its own firms and periods."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from pipeline.names import Label
from pipeline.panel.experiments.experiment import Experiment, experiments_of, without_later


@dataclass(frozen=True)
class MarketArrays:
    """The data of one market: T periods with sales, N firms that ever sell, K efforts.

    Attributes
    ----------
    market : int or str
        Its label.
    firms : (N,) array
        Labels of the firms.
    times : (T,) array
        Labels of the periods.
    share : (T, N) array
        Shares of sales, which sum to 1 over the firms present; nan for an absent firm.
    total_sales : (T,) array
        Sales of the market, currency per period.
    duration : (T,) array
        Time since the previous observed period, in periods: 1 without a gap, 2 after one missing period; 1
        for the first period. The efforts of a period are assumed to have acted during all of it.
    efforts : (K, T, N) array
        Efforts; nan for an absent firm.
    active : (T, N) array of bool
        Whether the firm is present.
    reference_sales : float or None
        Fixed scale of the market, currency per period, if the study gives one.
    instruments : (J, T, N) array or None
        What moves efforts from outside, in the order of `FitSection.instruments`; nan for an absent firm.
    experiments : tuple of Experiment
        What was tried in it, and measured.
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
    instruments: np.ndarray | None = None
    experiments: tuple[Experiment, ...] = ()


def market_arrays(dataset: xr.Dataset, market: Label) -> MarketArrays:
    """Extract one market of a panel, without firms and periods that have no sales in it.

    Parameters
    ----------
    dataset : Dataset
        Panel with ``sales (market, firm, time)``, ``efforts (market, firm, effort, time)`` and the number
        ``period (time)`` of each period; of a lazy dataset only this market is loaded.
    market : int or str
        Label of the market.

    Raises
    ------
    KeyError
        When the panel has no such market.

    Notes
    -----
    For all markets of a loaded panel `iterate_markets` is faster.
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
    instruments = None
    if "instruments" in dataset:
        instruments = dataset["instruments"].transpose("market", "instrument", "time", "firm").values
    tried = np.empty((sales.shape[0], 0, 0))
    if "experiments" in dataset:
        tried = dataset["experiments"].transpose("market", "experiment", "of_experiment").values
    period = dataset["period"].values
    firms, times = dataset["firm"].values, dataset["time"].values
    reference = dataset.attrs.get("reference_sales")
    for index, label in enumerate(dataset["market"].values.tolist()):
        further = None if instruments is None else instruments[index]
        table = tried[index]
        market = _compress(label, firms, times, period, sales[index].T, efforts[index], further, table)
        yield market if reference is None else replace(market, reference_sales=float(reference))


def _compress(
    label: Label,
    firms: np.ndarray,
    times: np.ndarray,
    period: np.ndarray,
    sales: np.ndarray,
    efforts: np.ndarray,
    instruments: np.ndarray | None,
    experiments: np.ndarray,
) -> MarketArrays:
    """Leave out the periods and firms without any ``sales`` (time, firm)."""
    active = ~np.isnan(sales)
    time, firm = np.flatnonzero(active.any(axis=1)), np.flatnonzero(active.any(axis=0))
    if active.shape != (time.size, firm.size):
        rows = time[:, np.newaxis]
        sales, active, efforts = sales[rows, firm], active[rows, firm], efforts[:, rows, firm]
        instruments = None if instruments is None else instruments[:, rows, firm]
        firms, times, period = firms[firm], times[time], period[time]
    duration = np.ones(time.size)
    duration[1:] = np.diff(period)
    sales = np.ascontiguousarray(sales)
    total = np.where(active, sales, 0.0).sum(axis=1)
    return MarketArrays(
        market=label,
        firms=firms,
        times=times,
        share=sales / total[:, np.newaxis],
        total_sales=total,
        duration=duration,
        # A block of markets is not held by one of them.
        efforts=np.array(efforts, order="C"),
        active=np.ascontiguousarray(active),
        instruments=None if instruments is None else np.array(instruments, order="C"),
        experiments=experiments_of(experiments, firm, time) if len(experiments) else (),
    )


def first_periods(market: MarketArrays, count: int) -> MarketArrays:
    """Keep the first ``count`` periods of a market, all its firms, and the experiments that end in them."""
    return replace(
        market,
        times=market.times[:count],
        share=market.share[:count],
        total_sales=market.total_sales[:count],
        duration=market.duration[:count],
        efforts=market.efforts[:, :count],
        active=market.active[:count],
        instruments=None if market.instruments is None else market.instruments[:, :count],
        experiments=without_later(market.experiments, count),
    )
