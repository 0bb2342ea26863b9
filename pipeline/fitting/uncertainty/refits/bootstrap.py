"""Bootstrap: the model fitted again to its own trajectory plus errors drawn from its residuals.

============== =========================================== ======================================
scheme         errors are drawn                            keeps
============== =========================================== ======================================
residual       period by period                            what firms have in common in a period
blocks         in blocks of successive periods             that, and short-lived correlation
autoregressive as an AR(1) or (2), innovations drawn so    that, and the correlation measured
============== =========================================== ======================================

All firms of a period are drawn together. Residuals are centred, and made larger by what the fit took out of
them; where their covariance differs by firm they are drawn in units of it, and have that of their own period.
A replicate is a market of its own where the model reads observed shares: where the first ones are the
initial state, or those of a firm that enters are up to an error, each observes them anew, with an error (else
the intervals would leave out what an error there does to all later periods), and where the gain lets the
state follow the observed shares, the drawn errors are followed through all periods.
Where an effort is endogenous, a replicate has a first stage of its own: slopes drawn from their covariance
make the control that its errors go with, and the fit knows the estimated one, as the fit to the data does.
Experiments are made anew in every replicate, with normal errors of the size that was stated.

Sources: Künsch (1989), Annals of Statistics 17, 1217 (blocks); Politis & White (2004), Econometric Reviews
23, 53 (their length); Bühlmann (1997), Bernoulli 3, 123 (autoregressive).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.entries import entering_firms
from kernels.least_squares.market import moving_firms
from kernels.least_squares.residual import MarketData
from kernels.least_squares.serial_errors import kept_and_weight
from kernels.least_squares.whitening import firm_roots
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.parameters import INITIAL
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.fitting.uncertainty.serial import SerialCorrelation
from pipeline.fitting.uncertainty.two_step import draw_controlled_errors
from pipeline.models.errors.error_carry import correct, with_error
from pipeline.models.market_model import MarketModel
from pipeline.models.one_step import OneStep, period_lengths

Scheme = Literal["residual", "blocks", "autoregressive"]

_EVALUATIONS = 100
# Markets copied at once where each replicate has an initial state of its own.
_BYTES = 32 * 2**20
# Drawn before the first period, so that an autoregression has forgotten where it began.
_BURN_IN = 50


def bootstrap(
    model: MarketModel,
    theta: Vector,
    space: ResidualSpace,
    serial: SerialCorrelation,
    *,
    count: int,
    scheme: Scheme,
    block: int | Literal["auto"],
    rng: np.random.Generator,
) -> Matrix:
    """Fit replicates of a market, each from the optimum.

    Parameters
    ----------
    model : MarketModel
        Of P parameters.
    theta : (P,) array
        Its optimum.
    space : ResidualSpace
        Layout of its residuals.
    serial : SerialCorrelation
        Of its residuals.
    count : int
        Replicates.
    scheme : str
        A row of the table above.
    block : int or "auto"
        Periods in a block.
    rng : Generator

    Returns
    -------
    (count, P) array
        Estimates; rows of nan where no fit could be made.
    """
    residual = model.residual(theta)
    if residual is None:
        return np.full((count, theta.size), np.nan)
    residual = residual[: space.n_rows]
    before = model.data.first
    pool = error_pool(space, -residual, serial, rng)
    length = block_length(len(pool), serial.coefficient) if block == "auto" else block
    errors = draw_errors(pool, count, len(pool) + before, scheme, min(length, len(pool)), serial, rng)
    if model.data.serial:
        errors = _correlated(model, theta, errors, before)
        fitted = _correlated(model, theta, space.to_firms(residual)[np.newaxis], 0)
        residual = space.to_rows(fitted[0])
    if model.data.whitening.membership.size:
        roots = firm_roots(model.data.whitening, moving_firms(model.data.active))
        entering = entering_firms(model.data.active)[-errors.shape[1] :]
        alone = errors * np.sqrt(np.diag(model.error_shape))
        errors = np.where(entering, alone, np.einsum("bsn,snm->bsm", errors, roots))
        residual = space.to_rows(np.einsum("sn,snm->sm", space.to_firms(residual), roots[before:]))
    # Rows are in the spread of a period of their length.
    errors = errors * (model.spread(theta) / model.common_row(theta))[-errors.shape[1] :, np.newaxis]
    own_market = before > 0 or model.data.corrected > 0 or model.data.entries > 0
    if model.stages:
        controlled = draw_controlled_errors(model, theta, count, rng)
        errors += controlled[:, len(model.data.active) - errors.shape[1] :]
        # What the estimated controls explain is in the residual, and the errors have their own.
        residual -= theta[model.controls] @ model.data.controls
    targets = None if own_market else model.target + residual + space.to_rows(errors[:, before:])
    values = np.full((count, theta.size), np.nan)
    luck = rng.standard_normal((count, model.experiments.effect.size)) if model.experiments else None
    step = max(_BYTES // max(model.data.efforts.nbytes, 1), 1) if own_market else count
    for first in range(0, count, step):
        part = slice(first, min(first + step, count))
        fit = model.fit_many(
            np.tile(theta, (part.stop - part.start, 1)),
            data=draw_markets(model, theta, errors[part]) if own_market else None,
            targets=None if targets is None else targets[part],
            max_evaluations=_EVALUATIONS,
            luck=None if luck is None else luck[part],
        )
        values[part] = np.where(np.isfinite(fit.cost)[:, None], fit.value, np.nan)
    return values


def draw_markets(model: MarketModel, theta: Vector, errors: Cube) -> MarketData:
    """Follow drawn errors (B, S, N) through the innovations form: a stack of B markets with their own shares.

    Shares that firms enter with stay as observed, or are observed anew where their errors are parameters. S
    counts period 0 where its shares are the initial state.
    """
    data, count = model.data, len(errors)
    step = OneStep(model, theta, data)
    gain = model.gain(theta)
    gains, _ = period_lengths(model, theta, data, needed=gain > 0.0).scales(gain)
    share = np.tile(step.share, (count, 1, 1))
    if data.first:
        # The part of the error that does not last is not in the state.
        state = share[:, 0].copy()
        share[:, 0] = with_error(state, (1.0 - gain) * errors[:, 0], data.active[0], data.kind)
    else:
        log_ratio = np.append(theta[[name.startswith(f"{INITIAL}.") for name in model.names]], 0.0)
        state = np.tile(np.where(data.active[0], np.exp(log_ratio), np.nan), (count, 1))
    for t in range(data.first, len(data.active)):
        moving = step.moving[t]
        modelled = step(state, np.full(count, t))
        share[:, t] = with_error(modelled, errors[:, t], moving, data.kind)
        corrected = t + 1 < data.corrected
        state = correct(modelled, share[:, t], moving, gains[t], data.kind) if corrected else modelled
        entering = data.active[t] & ~moving
        if data.entries and entering.any():
            lasting = gain if corrected else 0.0
            share[:, t], state = _enter(model, theta, t, entering, modelled, state, errors[:, t], lasting)
    return MarketData(
        efforts=_copies(data.efforts, count),
        active=_copies(data.active, count),
        share=np.nan_to_num(share),
        total_sales=_copies(data.total_sales, count),
        duration=_copies(data.duration, count),
        # A stack of markets has one scale for each.
        reference_sales=np.full(count, data.reference_sales),  # type: ignore[arg-type]
        first=data.first,
        kind=data.kind,
        corrected=data.corrected,
        whitening=data.whitening,
        serial=data.serial,
        controls=data.controls,
        entries=data.entries,
        unit=data.unit,
    )


def _enter(
    model: MarketModel,
    theta: Vector,
    period: int,
    entering: NDArray[np.bool_],
    share: Matrix,
    state: Matrix,
    errors: Matrix,
    gain: float,
) -> tuple[Matrix, Matrix]:
    """Let firms in with the shares that a model takes them to have entered with, observed with errors (B, N).

    Parameters
    ----------
    model, theta
        With errors of first shares.
    period : int
    entering : (N,) array of bool
    share, state : (B, N) arrays
        Modelled shares and the corrected state of those that were there before.
    errors : (B, N) array
    gain : float
        What of an error is in the state.

    Returns
    -------
    share, state : (B, N) arrays
        Observed shares and the state at the end of the period.
    """
    data, error = model.data, np.zeros(model.data.active.shape)
    error[entering_firms(data.active)] = theta[model.entries]
    seen = data.share[period]
    ratio = seen / seen[data.active[period] & ~entering].sum() * np.exp(error[period])
    before = np.where(entering, 0.0, np.nan_to_num(share))
    true = np.where(entering, ratio, before / before.sum(axis=1, keepdims=True))
    true = true / true.sum(axis=1, keepdims=True)
    observed = with_error(true, errors, data.active[period], data.kind)
    among = np.where(entering, 0.0, observed).sum(axis=1, keepdims=True)
    drawn = ratio ** (1.0 - gain) * (observed / among) ** gain
    before = np.where(entering, 0.0, np.nan_to_num(state))
    moved = np.where(entering, drawn, before / before.sum(axis=1, keepdims=True))
    moved = np.where(data.active[period], moved / moved.sum(axis=1, keepdims=True), np.nan)
    return np.where(data.active[period], observed, np.nan), moved


def _correlated(model: MarketModel, theta: Vector, innovations: Cube, before: int) -> Cube:
    """Turn innovations of firms (B, S, N) into errors that hang together over time as the model says.

    ``before`` of the S periods are not fitted.
    """
    data = model.data
    rho, moving = model.autocorrelation(theta), moving_firms(data.active)
    kept, weight = kept_and_weight(rho, data.first, moving, data.duration)
    skipped = len(kept) - innovations.shape[1]
    errors = innovations / weight[skipped:, np.newaxis]
    for period in range(before + 1, innovations.shape[1]):
        errors[:, period] += kept[skipped + period] * errors[:, period - 1]
    return errors


def error_pool(
    space: ResidualSpace, error: Vector, serial: SerialCorrelation, rng: np.random.Generator
) -> Matrix:
    """Turn residuals (R,) into errors of firms by period, shape (S, N), to draw from.

    A firm that is absent is given errors of its own from other periods.
    """
    firms = space.to_firms(error)
    pool = firms.copy()
    for firm in range(firms.shape[1]):
        there = space.active[:, firm]
        if there.any():
            errors = firms[there, firm]
            pool[there, firm] = errors - errors.mean()
            pool[~there, firm] = rng.choice(pool[there, firm], int((~there).sum()))
    square = float(np.mean(space.to_rows(pool) ** 2))
    wanted = max(serial.variance, 0.0)
    return pool * np.sqrt(wanted / square) if square > 0.0 else pool


def block_length(periods: int, coefficient: float) -> int:
    """Length of blocks that makes the variance of a mean most accurate, for an AR(1).

    Politis & White (2004), corrected by Patton, Politis & White (2009): (6 ρ²/(1-ρ²)²)^(1/3) n^(1/3).
    """
    rho = 0.0 if np.isnan(coefficient) else min(abs(coefficient), 0.97)
    length = np.cbrt(6.0 * rho**2 / (1.0 - rho**2) ** 2 * periods)
    return int(np.clip(np.ceil(length), 1, max(periods // 3, 1)))


def draw_errors(
    pool: Matrix,
    count: int,
    periods: int,
    scheme: Scheme,
    block: int,
    serial: SerialCorrelation,
    rng: np.random.Generator,
) -> Cube:
    """Draw errors (count, periods, N) from a pool (S, N)."""
    available = len(pool)
    if scheme == "residual":
        return pool[rng.integers(0, available, (count, periods))]
    if scheme == "blocks":
        n_blocks = -(-periods // block)
        begin = rng.integers(0, available - block + 1, (count, n_blocks))
        period = (begin[:, :, None] + np.arange(block)).reshape(count, -1)[:, :periods]
        return pool[period]
    (near, far), rho = serial.coefficients, serial.correlation
    innovation = pool[1:] - near * pool[:-1]
    innovation[1:] -= far * pool[:-2]
    innovation -= innovation.mean(axis=0)
    unexplained = (1.0 - rho**2) * (1.0 - far**2)
    size = np.sqrt(np.mean(pool**2) * unexplained / max(np.mean(innovation**2), np.finfo(float).tiny))
    drawn = size * innovation[rng.integers(0, len(innovation), (count, periods + _BURN_IN))]
    for period in range(1, periods + _BURN_IN):
        drawn[:, period] += near * drawn[:, period - 1]
        if period > 1:
            drawn[:, period] += far * drawn[:, period - 2]
    return drawn[:, _BURN_IN:]


def percentile_intervals(values: Matrix, levels: Sequence[float]) -> Cube:
    """Find the ends of the middle part of replicates (B, Q), shape (Q, L, 2).

    The quantiles are those of rank p (B + 1), with which an interval covers its level on average; so few
    replicates that this would lie outside give the smallest and largest. Where fewer than half of the
    replicates are known, nan.
    """
    ends = np.full((values.shape[1], len(levels), 2), np.nan)
    known = np.isfinite(values)
    for column in np.flatnonzero(known.sum(axis=0) >= max(0.5 * len(values), 2)):
        estimates = values[known[:, column], column]
        for row, level in enumerate(levels):
            outside = 0.5 * (1.0 - level)
            ends[column, row] = np.quantile(estimates, (outside, 1.0 - outside), method="weibull")
    return ends


def _copies(array: NDArray, count: int) -> NDArray:
    return np.repeat(array[np.newaxis], count, axis=0)
