"""Opening a calibrated market of a store: which one, by which model, and what is known of it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR, moving_firms
from kernels.numeric.arrays import Floats
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import StartShares
from pipeline.config.study import Study
from pipeline.config.terms import response_terms
from pipeline.errors import ForecastError, QueryError
from pipeline.forecasting.market import FirmPopulation, ForecastMarket
from pipeline.forecasting.model_choice import choose_model
from pipeline.forecasting.periods import durations_ahead, future_labels
from pipeline.forecasting.total_sales import market_total
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.market_model import MarketModel
from pipeline.models.noise import noise_of_shares
from pipeline.models.one_step import error_carry, modelled_shares, period_lengths
from pipeline.models.predictive import log_errors
from pipeline.models.terms import terms_among
from pipeline.names import Label
from pipeline.panel.market import MarketArrays
from pipeline.results.prices.read import read_prices, unpriced_efforts
from pipeline.results.select import select_markets
from pipeline.results.stored_fit import StoredFit, read_fit, stored_covariance, stored_mixture
from pipeline.results.totals.continuation import TotalForecast

if TYPE_CHECKING:
    from pipeline.results.results import Results


_SMALLEST_SHARE = 1e-12
_SHOWN = 8


def open_market(
    results: "Results", settings: PlanSettings | GameSettings, models: Sequence[str], horizon: int
) -> tuple[ForecastMarket, TotalForecast]:
    """Open the market that a plan or a game is about, under the model of the verdict or the one asked for.

    Parameters
    ----------
    results
        Where the fits are.
    settings
        Market, shares to start from, total sales.
    models
        Models to choose from.
    horizon
        Periods to come, at least 1.

    Raises
    ------
    QueryError
        No such market, or none named although there are several; no usable fit; fewer than two firms left.
    """
    label = choose_market(results, settings.market)
    choice = choose_model(results, label, models, settings.model)
    market = read_market(results, label, choice.model, horizon, settings.start)
    market = replace(market, choice=choice)
    return market, market_total(settings.total_sales, market)


def choose_market(results: "Results", wanted: Label | None) -> Label:
    """Give the label of the market asked for; the only one when none is.

    Raises
    ------
    QueryError
        No such market, or none named although there are several.
    """
    labels = results.tables.labels("market")
    if wanted is None and len(labels) > 1:
        shown = ", ".join(map(str, labels[:_SHOWN].tolist())) + (", ..." if len(labels) > _SHOWN else "")
        raise QueryError(f"This sweep has {len(labels)} markets; say which one with --market: {shown}.")
    chosen: Label = labels[select_markets(results.tables, None if wanted is None else [wanted])].tolist()[0]
    return chosen


def read_market(
    results: "Results", market: Label, model: str, horizon: int, start: StartShares = "calibrated"
) -> ForecastMarket:
    """Read a calibrated market from a store and prepare it for the periods after its data.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    model
        Name of the model.
    horizon
        Periods to come, at least 1.
    start
        Shares to start from at the end of the last period: ``calibrated``, the modelled ones corrected by the
        gain, or ``observed``.

    Raises
    ------
    QueryError
        No such model, no usable fit, or fewer than two firms left.
    """
    fit = read_fit(results, market, model)
    used = _used(results, fit.arrays.market, model, fit.problem)
    made = market_of_fit(
        results.study, fit, horizon, start, covariance=stored_covariance(results, fit, model), used=used
    )
    return replace(made, mixture=functools.cache(functools.partial(stored_mixture, results, fit, model)))


def market_of_fit(
    study: Study, fit: StoredFit, horizon: int, start: StartShares, *, covariance: Floats, used: float
) -> ForecastMarket:
    """Prepare a fit for the periods after those of its panel.

    Parameters
    ----------
    study : Study
    fit : StoredFit
    horizon, start
        As of `read_market`.
    covariance : (P, P) array
        Of its parameters.
    used : float
        Effective number of parameters that it used.

    Raises
    ------
    QueryError
        Fewer than two firms left, or shares that cannot be computed.
    """
    panel, arrays, efforts, problem = fit.panel, fit.arrays, fit.efforts, fit.problem
    market, model = arrays.market, problem.variant.name
    present = arrays.active[-1]
    if present.sum() < 2:
        raise QueryError(f"Market {market} has fewer than two firms in its last period: nothing can move.")
    modelled = modelled_shares(problem, fit.theta, arrays, study.fit.initial)
    if modelled is None:
        raise QueryError(f"The shares of market {market} under {model} cannot be computed from its store.")
    share = _last_share(problem, fit.theta, arrays, modelled, start)[present]
    kind, fitted = problem.variant.noise_under(study.fit), slice(problem.data.first, None)
    spread = problem.spread(fit.theta)
    noise = noise_of_shares(kind, arrays, modelled, spread, fitted, used)
    panel_times, panel_period = panel["time"].values, panel["period"].values
    period = panel_period[np.searchsorted(panel_times, arrays.times)]
    duration = durations_ahead(int(period[-1]), int(panel_period[-1]), horizon)
    spec, frequency = problem.response.spec, str(panel["time"].attrs.get("frequency", "1"))
    return ForecastMarket(
        market=arrays.market,
        model=model,
        firms=arrays.firms[present],
        efforts=efforts,
        kinds=fit.effort_labels("kind", "index"),
        units=fit.effort_labels("unit", "1"),
        curves=problem.response.curves[: len(efforts)],
        domains=problem.response.domains[: len(efforts)],
        prices=read_prices(study, panel, arrays, present),
        unpriced=unpriced_efforts(study),
        terms=terms_among(response_terms(problem.variant.response, arrays.firms.tolist()), present),
        # The firms left take their constants from the same parameters.
        spec=spec._replace(design=np.ascontiguousarray(spec.design[present])),
        names=problem.names,
        theta=fit.theta,
        lower=problem.lower,
        upper=problem.upper,
        covariance=covariance,
        reference_sales=problem.data.reference_sales,
        history=np.ascontiguousarray(np.where(arrays.active, arrays.efforts, 0.0)[..., present]),
        active=np.ascontiguousarray(arrays.active[:, present]),
        past_duration=arrays.duration,
        past_period=period,
        past_sales=arrays.total_sales,
        past_share=np.ascontiguousarray(np.where(arrays.active, arrays.share, np.nan)[:, present]),
        share=share / share.sum(),
        times=future_labels(panel_times, frequency, horizon),
        duration=duration,
        period=int(panel_period[-1]) + 1 + np.arange(horizon),
        frequency=frequency,
        residual="ilr" if problem.data.kind == ILR else "share",
        gain=problem.gain(fit.theta),
        lengths=_lengths(problem, fit.theta, arrays, duration),
        error_covariance=noise.covariance[np.ix_(present, present)],
        autocorrelation=problem.autocorrelation(fit.theta),
        last_error=_last_error(arrays, modelled, start)[present],
        start=start,
        population=FirmPopulation(arrays.firms, spec.design, entry_shares(arrays)),
        state=_state_under(study.fit.initial, problem, arrays, present) if start == "calibrated" else None,
    )


def _lengths(problem: MarketModel, theta: Floats, arrays: MarketArrays, ahead: Floats) -> PeriodLengths:
    """Give the lengths of the known periods, and of those to come (H,) in periods."""
    # Also where the estimate of a gain is 0: others are drawn.
    known = period_lengths(problem, theta, arrays, needed=problem.data.corrected > 0)
    return known.going_on(ahead / problem.data.unit)


def entry_shares(arrays: MarketArrays) -> Floats:
    """Shares of the firms that entered after the first period, each in its own first one."""
    first = np.argmax(arrays.active, axis=0)
    share = arrays.share[first, np.arange(first.size)]
    return np.asarray(share[(first > 0) & (np.nan_to_num(share) > 0.0)])


def _state_under(
    initial: str, problem: MarketModel, arrays: MarketArrays, present: NDArray[np.bool_]
) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Give the calibrated shares at the end of the data, and their error, as functions of the parameters."""

    def state(theta: Floats) -> tuple[Floats, Floats]:
        followed = modelled_shares(problem, theta, arrays, initial)
        if followed is None:
            raise ForecastError("f would be negative in the past.")
        share = _last_share(problem, theta, arrays, followed, "calibrated")[present]
        return _closed(share), _last_error(arrays, followed, "calibrated")[present]

    return state


def _used(results: "Results", market: Label, model: str, problem: MarketModel) -> float:
    """Effective number of parameters that a fit used; stores of early versions do not have it."""
    numbers = results.tables.statistics(model).get("n_effective")
    row = results.tables.row_of(market)
    used = np.nan if numbers is None else float(numbers[row])
    return used if np.isfinite(used) else float(problem.n_free)


def _last_share(
    problem: MarketModel, theta: Floats, arrays: MarketArrays, modelled: Floats, start: str
) -> Floats:
    share = arrays.share[-1]
    if start == "calibrated":
        last = slice(-1, None)
        carry, moving = error_carry(problem, theta, arrays), moving_firms(arrays.active)[last]
        share = carry.state(modelled[last], arrays.share[last], moving, last)[0]
    # A firm that sold nothing is still there; a share of 0 would stay 0 under gamma = 1.
    return np.maximum(np.nan_to_num(share), _SMALLEST_SHARE)


def _last_error(arrays: MarketArrays, modelled: Floats, start: str) -> Floats:
    """Error of the last log shares (N,) that the forecast does not start from; 0 from the observed ones."""
    if start == "observed":
        return np.zeros(arrays.firms.size)
    last = slice(-1, None)
    return np.nan_to_num(log_errors(arrays.share[last], modelled[last], moving_firms(arrays.active)[last])[0])


def _closed(share: Floats) -> Floats:
    return np.asarray(share / share.sum())
