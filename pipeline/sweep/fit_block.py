"""Calibrations and baselines for a block of markets, as the arrays that the store keeps."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.numeric.spread import evenly_spread
from pipeline.config.catalogue import own_curves
from pipeline.config.sections.fit import NASH
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.fitting.all_markets import AllMarkets
from pipeline.fitting.calibrate import Problem, calibrate_together, pose
from pipeline.fitting.record import FitRecord
from pipeline.fitting.search.warm_start import WarmStarts
from pipeline.panel.dataset import entries_in
from pipeline.panel.market import MarketArrays, first_periods, iterate_markets
from pipeline.seeds import fit_seed
from pipeline.status import NoForecast
from pipeline.store.format.first_stage import PooledStages
from pipeline.store.format.layout import VARIABLES, Arrays, ModelLayout, empty_results, pack_statistics
from pipeline.store.shared.population import Populations
from pipeline.sweep.layout import study_layout
from pipeline.sweep.model_layout import describe_model
from pipeline.validation.baselines import POOLED
from pipeline.validation.boosting import MOST_MARKETS
from pipeline.validation.forecasters import (
    Forecaster,
    ForecastScores,
    baseline_forecaster,
    carry_forward,
    model_forecaster,
    score_forecasts,
    why_no_forecast,
)
from pipeline.validation.metrics import METRICS, pool
from pipeline.validation.windows import CARRIED, FUTURES, Window, windows_of

Cell = tuple[int, int]
"""Position of a fit by market and window."""
#: Markets that are searched in one call of compiled code, from large to small ones: a second or two at most,
#: between which signals are heard; and cells (firms and periods) that they may have in all.
FEWEST, MOST, CELLS = 16, 64, 8192
#: Arrays that the record of a fit has under another name.
_FIELDS = {"replicate_value": "replicate", "direction_strength": "strength"}


def calibrate_block(
    panel: xr.Dataset,
    variant: Variant,
    study: Study,
    populations: Populations | None = None,
    warm: WarmStarts | None = None,
    first_stages: PooledStages | None = None,
) -> Arrays:
    """Calibrate one model on some markets, over all windows.

    Parameters
    ----------
    panel : Dataset
        The markets, loaded.
    variant : Variant
    study : Study
    populations : mapping, optional
        Priors of a pooled model, by window and parameter.
    warm : WarmStarts, optional
        Earlier estimates to start from.
    first_stages : mapping, optional
        Those that are pooled over markets, by window and endogenous effort.

    Returns
    -------
    dict of str to array
        What `pipeline.store.writing.chunks.write_chunk` wants for the model.
    """
    curves = own_curves(study.curves)
    efforts = tuple(str(name) for name in panel["effort"].values)
    firms, times = panel["firm"].values, panel["time"].values
    model = describe_model(variant, study, firms, entries_in(panel))
    names = tuple(parameter.name for parameter in model.parameters)
    columns = {name: column for column, name in enumerate(names)}
    windows = windows_of(study.validation)
    arrays = _empty(panel, study, variant.name, [model])
    slots = _slots(arrays)
    places: dict[tuple[str, ...], NDArray[np.intp]] = {}

    def posed(market: MarketArrays, cell: Cell) -> Problem | FitRecord:
        window = windows[cell[1]]
        known = {} if warm is None else warm.estimates(cell, names)
        return pose(
            variant,
            market,
            efforts,
            warm.fewer(study.fit) if warm is not None and known else study.fit,
            fit_seed(study.seed, variant.name, market.market),
            curves=curves,
            n_train=window.n_training(market.times.size),
            all_markets=AllMarkets(
                None if populations is None else populations[window.name],
                None if first_stages is None else first_stages[window.name],
            ),
            warm=known,
        )

    for (cell, market), record in _calibrated(panel, len(windows), posed, study.uncertainty):
        if record.names not in places:
            places[record.names] = np.array([columns[name] for name in record.names], dtype=np.intp)
        _store(slots, cell, record, _elsewhere(record, places[record.names], market, firms, times))
        _forecast(arrays, cell, record, market, windows[cell[1]], study)
    return arrays


def _calibrated(
    panel: xr.Dataset,
    n_windows: int,
    posed: Callable[[MarketArrays, Cell], Problem | FitRecord],
    uncertainty: UncertaintySection,
) -> Iterator[tuple[tuple[Cell, MarketArrays], FitRecord]]:
    """Calibrate all cells (market, window), some markets at a time."""
    together = CELLS // (panel.sizes["firm"] * panel.sizes["time"])
    for some in itertools.batched(enumerate(iterate_markets(panel)), min(max(together, FEWEST), MOST)):
        for window in range(n_windows):
            places = [((row, window), market) for row, market in some]
            problems = [posed(market, cell) for cell, market in places]
            yield from zip(places, calibrate_together(problems, uncertainty), strict=True)


def _forecast(
    arrays: Arrays, cell: Cell, record: FitRecord, market: MarketArrays, window: Window, study: Study
) -> None:
    """Forecast what a window does not see, and store how good that is."""
    count, ahead = window.n_training(market.times.size), window.n_ahead(market.times.size)
    if ahead and record.model is not None:
        forecaster = model_forecaster(record.model, record.theta, study.fit.initial, study.validation.state)
        scores = score_forecasts(forecaster, market, count, ahead)
        _store_scores(arrays, cell, scores)
        arrays["no_forecast"][cell] = _missing(record, market, count, ahead, scores.errors)


def assess_baseline(
    panel: xr.Dataset, baseline: str, study: Study, everything: xr.Dataset | None = None
) -> Arrays:
    """Measure one baseline on some markets.

    Parameters
    ----------
    panel : Dataset
        The markets, loaded.
    baseline : str
    study : Study
    everything : Dataset, optional
        All markets, lazy, for a baseline that learns from all of them; by default it learns from ``panel``.

    Returns
    -------
    dict of str to array
        ``error`` of shape (market, window, future, metric), ``step_error`` and ``pit_count`` of shape
        (market, window, future, step, metric or pit).
    """
    arrays = _empty(panel, study, baseline, [])
    forecasters: Mapping[str, Forecaster] = {}
    if baseline in POOLED:
        forecasters = _pooled_forecasters(panel if everything is None else everything, baseline, study)
    for row, market in enumerate(iterate_markets(panel)):
        for column, window in enumerate(windows_of(study.validation)):
            ahead = window.n_ahead(market.times.size)
            if ahead:
                count = window.n_training(market.times.size)
                if baseline == NASH:
                    forecaster = _nash_forecaster(panel, market, count, study)
                else:
                    forecaster = forecasters.get(window.name) or baseline_forecaster(baseline)
                scores = score_forecasts(forecaster, market, count, ahead)
                _store_scores(arrays, (row, column), scores)
    return arrays


def _nash_forecaster(panel: xr.Dataset, market: MarketArrays, n_train: int, study: Study) -> Forecaster:
    from pipeline.games.nash import nash_forecaster

    return nash_forecaster(panel, market, n_train, study)


def _pooled_forecasters(everything: xr.Dataset, baseline: str, study: Study) -> dict[str, Forecaster]:
    """Let a baseline learn from all markets, once for each window; as many markets as it takes at most."""
    chosen = evenly_spread(everything.sizes["market"], MOST_MARKETS)
    markets = list(iterate_markets(everything.isel(market=chosen).load()))
    forecasters = {}
    for window in windows_of(study.validation):
        pairs = [(market, window.n_training(market.times.size)) for market in markets]
        fitted = [(market, n_train) for market, n_train in pairs if n_train]
        if fitted and any(window.n_ahead(market.times.size) for market in markets):
            forecasters[window.name] = baseline_forecaster(baseline, POOLED[baseline](fitted))
    return forecasters


def _empty(panel: xr.Dataset, study: Study, name: str, models: list[ModelLayout]) -> Arrays:
    """Make the arrays for the results of one model or baseline in the markets of a panel."""
    markets, firms, times = (panel[axis].values for axis in ("market", "firm", "time"))
    layout = study_layout(
        study,
        markets=markets,
        firms=firms,
        times=times,
        models=models,
        chunk=len(markets),
        n_experiments=panel.sizes.get("experiment", 0),
    )
    return empty_results(layout, name, len(markets))


def _elsewhere(
    record: FitRecord,
    parameters: NDArray[np.intp],
    market: MarketArrays,
    firms: NDArray[Any],
    times: NDArray[Any],
) -> dict[str, NDArray[np.intp]]:
    """Find where the parameters, firms and periods of a fit lie along axes of the store that have others too.

    ``parameters`` are the places of those of the record.
    """
    found = {"experiment": record.experiments.number}
    if not np.array_equal(parameters, np.arange(parameters.size)):
        found |= {"param": parameters, "param_": parameters}
    if market.firms.size < firms.size:
        found["firm"] = np.searchsorted(firms, market.firms)
    if market.times.size < times.size:
        found["time"] = np.searchsorted(times, market.times)
    return {axis: places for axis, places in found.items() if places.size}


@dataclass(frozen=True, slots=True)
class _Slot:
    """An array of the store that fits go into.

    Attributes
    ----------
    name, array
    dims
        Axes of the array, but for market and window.
    always
        Whether a fit that is not usable has it, too.
    """

    name: str
    array: NDArray[Any]
    dims: tuple[str, ...]
    always: bool


def _slots(arrays: Arrays) -> list[_Slot]:
    """List what the catalogue of the store names and the record of a fit has."""
    # The reason of a missing forecast is no part of the fit.
    names = [name for name in arrays if VARIABLES[name].group != "validation" and name != "no_forecast"]
    always = ("status", "start_cost")
    return [_Slot(name, arrays[name], VARIABLES[name].dims[2:], name in always) for name in names]


def _values(record: FitRecord, name: str) -> NDArray[Any]:
    """Take an array of the store out of a record, with the axes that it has there after market and window."""
    if name == "statistic":
        return pack_statistics(record.statistic)
    if name == "share":
        return record.share.T
    field = _FIELDS.get(name, name)
    source: object = record
    if not hasattr(record, field):
        source = record.experiments if hasattr(record.experiments, field) else record.uncertainty
    return np.asarray(getattr(source, field))


def _store(
    slots: Sequence[_Slot], cell: Cell, record: FitRecord, elsewhere: Mapping[str, NDArray[np.intp]]
) -> None:
    """Put all that the store has of a fit into one cell (market, window)."""
    usable = record.status.usable
    for slot in slots:
        if not (usable or slot.always):
            continue
        values = _values(record, slot.name)
        if slot.name == "direction":
            # A parameter that the market does not have takes no part in its directions.
            slot.array[cell][: len(values)] = 0.0
        within: tuple[Any, ...] = tuple(map(slice, values.shape))
        if elsewhere and not elsewhere.keys().isdisjoint(slot.dims):
            axes = zip(slot.dims, values.shape, strict=True)
            within = np.ix_(*(elsewhere.get(axis, np.arange(size)) for axis, size in axes))
        slot.array[cell + within] = values


def _missing(
    record: FitRecord, market: MarketArrays, count: int, ahead: int, errors: NDArray[np.float64]
) -> NoForecast:
    """Say why a fit lacks its forecast under one of the futures, (future, period ahead, metric)."""
    assert record.model is not None, "a fit that forecasts has its model"
    market = first_periods(market, count + ahead)
    for future, of_future in zip(FUTURES, errors, strict=True):
        if np.isnan(of_future).all():
            known = carry_forward(market, count) if future == CARRIED else market
            return why_no_forecast(record.model, record.theta, known)
    return NoForecast.NONE


def _store_scores(arrays: Arrays, cell: Cell, scores: ForecastScores) -> None:
    """Put errors and counts (future, period ahead, ...) into one cell, and what the errors come to."""
    ahead = scores.errors.shape[1]
    arrays["step_error"][cell][:, :ahead] = scores.errors
    arrays["pit_count"][cell][:, :ahead] = scores.pit_counts
    arrays["error"][cell] = pool(scores.errors, tuple(METRICS))
