"""Forecasts of a calibrated model or a baseline after an origin, measured against what came."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from kernels.least_squares.market import moving_firms
from kernels.least_squares.residual import PROPORTIONAL
from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import GAIN
from pipeline.models.effort_paths import draw_efforts
from pipeline.models.errors.error_carry import ErrorCarry
from pipeline.models.market_model import MarketModel
from pipeline.models.noise import Noise, estimate_noise
from pipeline.models.one_step import (
    OneStep,
    error_carry,
    expected_ahead,
    later_periods,
    modelled_shares,
)
from pipeline.models.parameter_spread import parameter_spread
from pipeline.models.predictive import (
    PredictiveDistribution,
    error_covariance,
    log_errors,
    shift_shares,
)
from pipeline.models.under_courses import shares_under
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.status import NoForecast
from pipeline.validation.baselines import predict, predict_shares
from pipeline.validation.boosting import Booster
from pipeline.validation.calibration import PIT_BINS, pit_counts
from pipeline.validation.metrics import METRICS
from pipeline.validation.scores import Yardstick, changes_scale, period_errors
from pipeline.validation.windows import CARRIED, FUTURES

State = Literal["fitted", "observed"]

# Paths of the simulation that tells how errors grow from period to period.
_PATHS = 256
_SEED = 20230517


class Forecaster(Protocol):
    """Forecasts the periods of a market after its first ``n_train``.

    The efforts and totals after ``n_train`` are those that it may know; ``courses`` (D, K, H, N) are others
    that the efforts may take instead. None where the forecast cannot be made.
    """

    def __call__(
        self, market: MarketArrays, n_train: int, courses: NDArray[np.float64] | None = None, /
    ) -> PredictiveDistribution | None:
        """Forecast."""


@dataclass(frozen=True)
class ForecastScores:
    """How forecasts after one origin compare with what came.

    Attributes
    ----------
    errors : (future, H, metric) array
        Along `FUTURES`, periods ahead and `METRICS`; nan where there is no forecast.
    pit_counts : (future, H, bin) array
        See `pipeline.validation.calibration.pit_counts`.
    """

    errors: NDArray[np.float64]
    pit_counts: NDArray[np.int32]


def forecast_errors(
    forecast: Forecaster, market: MarketArrays, n_train: int, n_ahead: int
) -> NDArray[np.float64]:
    """Give the errors of `score_forecasts`, which takes the same."""
    return score_forecasts(forecast, market, n_train, n_ahead).errors


def score_forecasts(forecast: Forecaster, market: MarketArrays, n_train: int, n_ahead: int) -> ForecastScores:
    """Measure the forecasts of the ``n_ahead`` periods after the first ``n_train``, under every future.

    Carried forward, efforts are not known: the forecast mixes over courses that they may take, drawn from how
    they moved before, the same for all models and baselines.

    Parameters
    ----------
    forecast : Forecaster
    market : MarketArrays
    n_train, n_ahead : int
        At least 1.
    """
    market = first_periods(market, n_train + n_ahead)
    yardstick = Yardstick(
        changes_scale(market.share[:n_train], market.active[:n_train]),
        predict_shares("last", market, n_train)[n_train:],
    )
    errors = np.full((len(FUTURES), n_ahead, len(METRICS)), np.nan)
    counts = np.zeros((len(FUTURES), n_ahead, PIT_BINS), dtype=np.int32)
    ahead = slice(n_train, None)
    # The share that a firm enters with is given to all, so nobody forecasts it.
    moving = moving_firms(market.active)[ahead]
    for row, future in enumerate(FUTURES):
        if future == CARRIED:
            predicted = forecast(carry_forward(market, n_train), n_train, carried_courses(market, n_train))
        else:
            predicted = forecast(market, n_train)
        if predicted is not None:
            predicted = _given_total(predicted, market, n_train, future)
            total = market.total_sales[ahead]
            errors[row] = period_errors(predicted, market.share[ahead], moving, total, yardstick)
            counts[row] = pit_counts(predicted, market.share[ahead], moving)
    return ForecastScores(errors, counts)


def carried_courses(market: MarketArrays, n_train: int) -> NDArray[np.float64]:
    """Draw courses (D, K, H, N) that efforts may take after the first ``n_train`` periods, from those alone.

    A firm that enters later keeps the efforts it enters with.
    """
    held = carry_forward(market, n_train).efforts[:, n_train:]
    seen = market.active[:n_train]
    drawn = draw_efforts(market.efforts[:, :n_train], seen, held.shape[1])
    return np.where(seen.any(axis=0), drawn, held)


def _given_total(
    predicted: PredictiveDistribution, market: MarketArrays, n_train: int, future: str
) -> PredictiveDistribution:
    # Who knows the market's total need not forecast it.
    return predicted if future == CARRIED else replace(predicted, total_sales=market.total_sales[n_train:])


def carry_forward(market: MarketArrays, n_train: int) -> MarketArrays:
    """Replace efforts and market totals after ``n_train`` by the last ones before.

    A firm that enters later has no earlier efforts: it keeps those it enters with, as it keeps its share.
    """
    active, efforts = market.active, market.efforts.copy()
    seen = active[:n_train]
    last = n_train - 1 - np.argmax(seen[::-1], axis=0)
    source = np.where(seen.any(axis=0), last, np.argmax(active, axis=0))
    held = efforts[:, source, np.arange(active.shape[1])]
    efforts[:, n_train:] = np.where(active[n_train:], held[:, None, :], np.nan)
    total = market.total_sales.copy()
    total[n_train:] = total[n_train - 1]
    return replace(market, efforts=efforts, total_sales=total)


def baseline_forecaster(name: str, booster: Booster | None = None) -> Forecaster:
    """Give the forecaster of a baseline, with what it learned from all markets if it is one of `POOLED`."""
    return lambda market, n_train, courses=None: predict(name, market, n_train, courses, booster)


def model_forecaster(model: MarketModel, theta: Vector, initial: str, state: State) -> Forecaster:
    """Give the forecaster of a calibrated model.

    Parameters
    ----------
    model : MarketModel
        Composed for the fitted periods.
    theta : (P,) array
        Its parameters.
    initial : str
        ``observed`` or ``estimated``, as fitted.
    state : str
        Where forecasts start. ``fitted``: at the modelled shares of the last fitted period, corrected by the
        gain; errors are those of the modelled shares in the fitted periods, and the gain says which part of
        them is carried on. ``observed``: at its observed shares; errors are those of forecasts one period
        ahead, and all of them are carried on.
    """

    def forecast(
        market: MarketArrays, n_train: int, courses: NDArray[np.float64] | None = None
    ) -> PredictiveDistribution | None:
        try:
            if state == "fitted":
                return _from_fitted(model, theta, initial, market, n_train, courses)
            return _from_observed(model, theta, market, n_train, courses)
        except (ValueError, ArithmeticError):
            # An effort outside the domain of its curve, f negative, or shares beyond what can be resolved.
            return None

    return forecast


def why_no_forecast(model: MarketModel, theta: Vector, market: MarketArrays) -> NoForecast:
    """Say why a calibrated model has no shares after the periods it was composed for.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        All periods, the forecast ones with the efforts that the forecast was to have.
    """
    data = later_periods(model, market, "observed")
    try:
        model.response.check(data.efforts, data.active)
    except ValueError:
        return NoForecast.OUTSIDE_DOMAIN
    try:
        response = model.response.evaluate(theta, data.efforts, data.duration, data.active)
    except (ValueError, ArithmeticError):
        return NoForecast.NOT_FINITE
    negative = response[moving_firms(np.asarray(data.active))] < 0.0
    if negative.any() and model.gamma_form != PROPORTIONAL:
        return NoForecast.NEGATIVE_RESPONSE
    return NoForecast.NOT_FINITE


def _from_fitted(
    model: MarketModel,
    theta: Vector,
    initial: str,
    market: MarketArrays,
    n_train: int,
    courses: NDArray[np.float64] | None,
) -> PredictiveDistribution | None:
    share = modelled_shares(model, theta, market, initial)
    if share is None:
        return None
    ahead, moving = slice(n_train, None), moving_firms(market.active)
    one_step = _noise(model).covariance
    carry, last = error_carry(model, theta, market), slice(n_train - 1, n_train)
    state = carry.state(share[last], market.share[last], moving[last], last)[0]
    rho, error = model.autocorrelation(theta), None
    if rho != 0.0:
        error = carry.error(share[last], market.share[last], moving[last])[0]
    expected = expected_ahead(model, theta, market, share, n_train)
    if model.gain(theta) == 0.0 and rho == 0.0:
        covariance = np.tile(one_step, (len(share) - n_train, 1, 1))
    else:
        step = OneStep(model, theta, market)
        logs = None if error is None else log_errors(market.share[last], share[last], moving[last])[0]
        varied = error_carry(model, theta, market, _gains(model, model.gain(theta)))
        covariance = _carried_on(step, state, expected, one_step, varied, logs)

    def follow(other: Vector) -> Matrix | None:
        shares = modelled_shares(model, other, market, initial)
        return None if shares is None else expected_ahead(model, other, market, shares, n_train)

    covariance = covariance + _spread(model, theta, follow, moving[ahead])
    predicted = PredictiveDistribution(expected, covariance, market.total_sales[ahead])
    return _mixed(predicted, model, theta, market, state, courses, error)


def _from_observed(
    model: MarketModel,
    theta: Vector,
    market: MarketArrays,
    n_train: int,
    courses: NDArray[np.float64] | None,
) -> PredictiveDistribution | None:
    step = OneStep(model, theta, market)
    fitted = np.arange(1, n_train)
    modelled = step(step.share[fitted - 1], fitted)
    errors = log_errors(step.share[fitted], modelled, step.moving[fitted])
    # Under a smaller gain these are not the errors of the fit, but of the same kind.
    carry = replace(error_carry(model, theta, market, 1.0), kept=np.zeros(len(market.times)))
    noise = _noise(model)
    if model.gain(theta) < 1.0:
        noise = estimate_noise(noise.kind, errors / carry.spread[fitted, np.newaxis], model.n_free)
    one_step = noise.covariance
    state = step.share[n_train - 1]
    share = step.walk(state, n_train)
    covariance = _carried_on(step, state, share, one_step, carry)
    covariance = covariance + _spread(
        model, theta, lambda other: OneStep(model, other, market).walk(state, n_train), step.moving[n_train:]
    )
    predicted = PredictiveDistribution(share, covariance, market.total_sales[n_train:])
    return _mixed(predicted, model, theta, market, state, courses)


def _spread(
    model: MarketModel, theta: Vector, follow: Callable[[Vector], Matrix | None], moving: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Covariance (H, N, N) of log shares that the parameters, as far as they are known, leave open."""
    if model.covariance is None:
        return np.zeros((*moving.shape, moving.shape[1]))
    return parameter_spread(follow, theta, model.covariance, (model.lower, model.upper), moving)


def _mixed(
    predicted: PredictiveDistribution,
    model: MarketModel,
    theta: Vector,
    market: MarketArrays,
    state: Vector,
    courses: NDArray[np.float64] | None,
    error: Vector | None = None,
) -> PredictiveDistribution | None:
    """Mix a forecast that goes on from a state (N,) over courses of efforts (D, K, H, N), if any."""
    if courses is None:
        return predicted
    under = shares_under(model, theta, market, state, courses, error)
    # Courses that the model cannot follow say that it does not know what may come.
    return predicted.over(under) if 2 * len(under) >= len(courses) else None


def _noise(model: MarketModel) -> Noise:
    assert model.noise is not None, "a forecaster is given a model that was fitted"
    return model.noise


def _gains(model: MarketModel, gain: float) -> Matrix:
    """Draw the gains (paths, 1) that the estimate leaves possible; evenly, not by chance."""
    if model.covariance is None or GAIN not in model.names:
        return np.full((_PATHS, 1), gain)
    place = model.names.index(GAIN)
    spread = np.sqrt(np.nan_to_num(model.covariance[place, place]))
    # Of any stretch of paths the gains are as different as those of all.
    order = np.random.default_rng(_SEED).permutation(_PATHS)
    quantile = norm.ppf((order + 0.5) / _PATHS)
    return np.clip(gain + spread * quantile, model.lower[place], model.upper[place])[:, np.newaxis]


def _carried_on(
    step: OneStep,
    state: Vector,
    share: Matrix,
    one_step: Matrix,
    carry: ErrorCarry,
    error: Vector | None = None,
) -> NDArray[np.float64]:
    """Covariance (H, N, N) of log shares that errors of one period add up to as they are carried on.

    ``one_step`` (N, N) is that of errors of common periods far apart: what is new in each is smaller by what
    it repeats of the one before; ``error`` (N,) is that of the last log shares before.
    """
    origin = len(step.share) - len(share)
    covariance = np.full((len(share), *one_step.shape), np.nan)
    paths = np.tile(state, (_PATHS, 1))
    random = np.random.default_rng(_SEED)
    before = np.tile(np.zeros_like(state) if error is None else np.nan_to_num(error), (_PATHS, 1))
    repeated = carry.repeated
    for ahead, expected in enumerate(share):
        kept, spread = carry.kept[origin + ahead], carry.spread[origin + ahead]
        noise = random.multivariate_normal(np.zeros(len(one_step)), one_step, _PATHS, method="eigh")
        modelled = step(paths, np.full(_PATHS, origin + ahead))
        moving = np.tile(step.moving[origin + ahead], (_PATHS, 1))
        before = repeated[origin + ahead] * before + spread * np.sqrt(1.0 - kept**2) * noise
        drawn = shift_shares(modelled, np.where(moving, before, 0.0))
        covariance[ahead] = error_covariance(log_errors(drawn, np.tile(expected, (_PATHS, 1)), moving))
        paths = carry.state(modelled, drawn, moving, origin + ahead)
    return covariance
