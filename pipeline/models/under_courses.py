"""Shares of a calibrated model under many courses of the efforts ahead, all followed at once."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Vector
from pipeline.config.parameters import RETURNS_TO_SCALE
from pipeline.models.effort_paths import with_efforts
from pipeline.models.market_model import MarketModel
from pipeline.models.one_step import OneStep, error_carry
from pipeline.panel.market import MarketArrays


def shares_under(
    model: MarketModel,
    theta: Vector,
    market: MarketArrays,
    state: Vector,
    courses: NDArray[np.float64],
    error: Vector | None = None,
) -> Cube:
    """Follow the shares from a state through the last periods of a market.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        T periods, with efforts that the model can be evaluated at.
    state : (N,) array
        Shares before the last H periods.
    courses : (D, K, H, N) array
        Efforts of the last H periods.
    error : (N,) array, optional
        Of the period before them, where it fades over several periods.

    Returns
    -------
    (<= D, H, N) array
        Without the courses under which f is negative, or an effort outside the domain of its curve.

    Raises
    ------
    ValueError, ArithmeticError
        Shares cannot be followed.
    """
    origin = len(market.times) - courses.shape[2]
    response = _responses(model, theta, market, courses)
    step = OneStep(model, theta, market)
    carry = None if error is None else error_carry(model, theta, market)
    if theta[model.names.index(RETURNS_TO_SCALE)] != 1.0:
        response = response[(np.where(step.active[origin:], response, 0.0) >= 0.0).all(axis=(1, 2))]
    shares = np.empty(response.shape)
    before = np.tile(state, (len(response), 1))
    for ahead in range(response.shape[1] if len(response) else 0):
        at = np.full(len(response), origin + ahead)
        before = shares[:, ahead] = step(before, at, response[:, ahead])
        if carry is not None and error is not None:
            moving = step.moving[origin + ahead]
            error = carry.repeated[origin + ahead] * error
            seen = carry.seen(before, np.tile(error, (len(before), 1)), moving)
            before, shares[:, ahead] = carry.state(before, seen, moving, origin + ahead), seen
    return shares


def _responses(model: MarketModel, theta: Vector, market: MarketArrays, courses: NDArray[np.float64]) -> Cube:
    """F (<= D, H, N) under every course."""
    choice, horizon = model.variant.response, courses.shape[2]
    if choice.lag or any(kind != "none" for kind in model.variant.carry_over.values()):
        found = [_with_past(model, theta, market, course) for course in courses]
        return np.array([f for f in found if f is not None]).reshape(-1, *courses.shape[2:])
    # Where no period acts on later ones, all courses are so many periods of one market.
    count = len(courses)
    last = slice(len(market.times) - horizon, None)
    active = np.tile(market.active[last], (count, 1))
    efforts = courses.transpose(1, 0, 2, 3).reshape(courses.shape[1], count * horizon, -1)
    stacked = replace(
        market,
        times=np.arange(len(active)),
        share=np.tile(market.share[last], (count, 1)),
        total_sales=np.tile(market.total_sales[last], count),
        duration=np.tile(market.duration[last], count),
        efforts=np.where(active, efforts, np.nan),
        active=active,
    )
    return _response(model, theta, stacked).reshape(courses.shape[0], horizon, -1)


def _with_past(model: MarketModel, theta: Vector, market: MarketArrays, course: Cube) -> Cube | None:
    """F (H, N) under one course, with what the past adds; None where an effort is outside its domain."""
    origin = len(market.times) - course.shape[1]
    try:
        return _response(model, theta, with_efforts(market, origin, course))[origin:]
    except ValueError:
        return None


def _response(model: MarketModel, theta: Vector, market: MarketArrays) -> Cube:
    prepared = model.prepared(market)
    efforts = np.ascontiguousarray(np.where(market.active, prepared.efforts, 0.0))
    return model.response.evaluate(theta, efforts, market.duration, np.ascontiguousarray(market.active))
