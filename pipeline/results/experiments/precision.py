"""How precisely a test would measure: errors of shares over its periods, in the test and in its control."""

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR
from kernels.numeric.arrays import Matrix
from pipeline.models.effects.market_course import MarketCourse
from pipeline.models.predictive import error_covariance


def measurement_errors(course: MarketCourse, first: int, count: int, controls: int) -> NDArray[np.float64]:
    """Give standard errors (N,) of the mean share of each firm over some periods, test less control.

    The market that is tested is compared with the mean of so many control markets, whose shares have errors
    of the same size, independent of its own; what is common to all of them cancels. An error has the
    covariance found in the fit; the part of it that lasts (gain, autocorrelation) is followed through the
    periods, as the market would forget it.

    Parameters
    ----------
    course : MarketCourse
        Long enough to hold the periods.
    first, count : int
        Periods of the test.
    controls : int
        Number of control markets.
    """
    n_firms = course.share.shape[1]
    at = np.arange(first, first + count)
    point = course.response.at(course.market.efforts)
    begin = course.state[first - 1][np.newaxis]
    _, expected, states = course.carry_on(begin, first, None, np.zeros((1, count, n_firms)))
    before = np.concatenate([begin, states[0, :-1]])
    _, by_state = course.tangents(before, at, point.value[at])
    share = np.where(course.step.moving[at], np.nan_to_num(expected[0]), 0.0)
    share /= share.sum(axis=1, keepdims=True)
    weight = course.step.duration[at] / course.step.duration[at].sum()
    # Of an error of each firm (second axis) in each period (first axis): what is there of it by now.
    error, state = np.zeros((2, count, n_firms, n_firms))
    outcome = np.zeros((count, n_firms, n_firms))
    for ahead in range(count):
        error *= course.carry.repeated[at[ahead]]
        error[ahead] = np.eye(n_firms)
        state = state @ by_state[ahead]
        seen = state + error
        mean = seen @ share[ahead]
        outcome += weight[ahead] * share[ahead] * (seen - mean[..., np.newaxis])
        state = state + course.carry.gain[at[ahead]] * error
    covariance = _innovations(course)
    outcome *= course.carry.spread[at, np.newaxis, np.newaxis]
    variance = np.einsum("tji,jk,tki->i", outcome, covariance, outcome)
    errors: NDArray[np.float64] = np.sqrt((1.0 + 1.0 / controls) * variance)
    return errors


def _innovations(course: MarketCourse) -> Matrix:
    """Covariance (N, N) of what was new in the errors of log shares in a common period of the data."""
    past = slice(1, course.known)
    moving = course.step.moving[past]
    error = np.where(moving, course.error[past], np.nan)
    if course.carry.kind != ILR:
        error = error / np.where(moving, course.modelled[past], np.nan)
    before = np.nan_to_num(course.error[: course.known - 1])
    new = error - course.carry.repeated[past, np.newaxis] * before if course.carry.kind == ILR else error
    present = np.maximum((~np.isnan(new)).sum(axis=1, keepdims=True), 1)
    new = new - np.nansum(new, axis=1, keepdims=True) / present
    return error_covariance(new / course.carry.spread[past, np.newaxis])
