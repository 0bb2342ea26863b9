"""Forecasts of a calibrated model or a baseline after an origin, measured against what came."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import moving_firms
from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel, first_periods
from pipeline.models.one_step import OneStep, correct, modelled_shares
from pipeline.models.predictive import PredictiveDistribution, error_covariance, shift_shares
from pipeline.panel.market import MarketArrays
from pipeline.validation.baselines import predict, predict_shares
from pipeline.validation.boosting import Booster
from pipeline.validation.metrics import METRICS
from pipeline.validation.scores import Yardstick, changes_scale, period_errors
from pipeline.validation.windows import CARRIED, FUTURES

State = Literal["fitted", "observed"]
Forecaster = Callable[[MarketArrays, int], PredictiveDistribution | None]

# Paths of the simulation that tells how errors grow from period to period.
_PATHS = 256
_SEED = 20230517


def forecast_errors(
    forecast: Forecaster, market: MarketArrays, n_train: int, n_ahead: int
) -> NDArray[np.float64]:
    """Measure the forecasts of the ``n_ahead`` periods after the first ``n_train``, under every future.

    Parameters
    ----------
    forecast : callable
        ``(market, n_train) -> PredictiveDistribution``: the data of all periods up to the last forecast, the
        efforts and
        totals after ``n_train`` as the forecast may know them; None where it cannot be made.
    market : MarketArrays
    n_train, n_ahead : int
        At least 1.

    Returns
    -------
    (future, n_ahead, metric) array
        Along `FUTURES` and `METRICS`; nan where there is no forecast.
    """
    market = first_periods(market, n_train + n_ahead)
    yardstick = Yardstick(
        changes_scale(market.share[:n_train], market.active[:n_train]),
        predict_shares("last", market, n_train)[n_train:],
    )
    errors = np.full((len(FUTURES), n_ahead, len(METRICS)), np.nan)
    for row, future in enumerate(FUTURES):
        predicted = forecast(carry_forward(market, n_train) if future == CARRIED else market, n_train)
        if predicted is not None:
            ahead = slice(n_train, None)
            errors[row] = period_errors(
                _given_total(predicted, market, n_train, future),
                market.share[ahead],
                # The share that a firm enters with is given to all, so nobody forecasts it.
                moving_firms(market.active)[ahead],
                market.total_sales[ahead],
                yardstick,
            )
    return errors


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
    return lambda market, n_train: predict(name, market, n_train, booster)


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

    def forecast(market: MarketArrays, n_train: int) -> PredictiveDistribution | None:
        try:
            if state == "fitted":
                return _from_fitted(model, theta, initial, market, n_train)
            return _from_observed(model, theta, market, n_train)
        except (ValueError, ArithmeticError):
            # An effort outside the domain of its curve, f negative, or shares beyond what can be resolved.
            return None

    return forecast


def _from_fitted(
    model: MarketModel, theta: Vector, initial: str, market: MarketArrays, n_train: int
) -> PredictiveDistribution | None:
    share = modelled_shares(model, theta, market, initial)
    if share is None:
        return None
    fitted, ahead = slice(model.data.first, n_train), slice(n_train, None)
    moving = moving_firms(market.active)
    one_step = error_covariance(log_errors(market.share[fitted], share[fitted], moving[fitted]))
    gain = model.gain(theta)
    if gain == 0.0:
        covariance = np.tile(one_step, (len(share) - n_train, 1, 1))
    else:
        last = n_train - 1
        state = correct(share[last], market.share[last], moving[last], gain, model.data.kind)
        step = OneStep(model, theta, market)
        covariance = _carried_on(step, state, share[ahead], one_step, gain, model.data.kind)
    return PredictiveDistribution(share[ahead], covariance, market.total_sales[ahead])


def _from_observed(
    model: MarketModel, theta: Vector, market: MarketArrays, n_train: int
) -> PredictiveDistribution:
    step = OneStep(model, theta, market)
    fitted = np.arange(1, n_train)
    modelled = step(step.share[fitted - 1], fitted)
    one_step = error_covariance(log_errors(step.share[fitted], modelled, step.moving[fitted]))
    state = step.share[n_train - 1]
    share = step.walk(state, n_train)
    covariance = _carried_on(step, state, share, one_step, 1.0, model.data.kind)
    return PredictiveDistribution(share, covariance, market.total_sales[n_train:])


def _carried_on(
    step: OneStep, state: Vector, share: Matrix, one_step: Matrix, gain: float, kind: int
) -> NDArray[np.float64]:
    """Covariance (H, N, N) of log shares that errors of one period add up to as the gain carries them on."""
    origin = len(step.share) - len(share)
    covariance = np.full((len(share), *one_step.shape), np.nan)
    paths = np.tile(state, (_PATHS, 1))
    random = np.random.default_rng(_SEED)
    for ahead, expected in enumerate(share):
        noise = random.multivariate_normal(np.zeros(len(one_step)), one_step, _PATHS, method="eigh")
        modelled = step(paths, np.full(_PATHS, origin + ahead))
        moving = np.tile(step.moving[origin + ahead], (_PATHS, 1))
        drawn = shift_shares(modelled, np.where(moving, noise, 0.0))
        covariance[ahead] = error_covariance(log_errors(drawn, np.tile(expected, (_PATHS, 1)), moving))
        paths = correct(modelled, drawn, moving, gain, kind)
    return covariance


def log_errors(observed: Matrix, modelled: Matrix, moving: NDArray[np.bool_]) -> Matrix:
    """Errors of log shares, centred over the firms that move: (T, N), nan for others or without sales."""
    known = moving & (np.nan_to_num(observed) > 0.0) & (np.nan_to_num(modelled) > 0.0)
    ratio = np.where(known, observed, 1.0) / np.where(known, modelled, 1.0)
    error = np.log(ratio)
    error -= error.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, error, np.nan)
