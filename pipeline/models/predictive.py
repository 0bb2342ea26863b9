"""Predictive distributions of shares: logistic-normal, so log-ratios are Gaussian; their scores.

Every forecast here, of a model or of a baseline, says where log shares are expected and with which
covariance, both up to a term common to all firms of a period. Where the efforts ahead are not known it is a
mixture of such distributions, one for each course that they may take; its density is smoothed between the
courses drawn. The density of the log-ratios is exact otherwise; the distribution of the shares themselves is
simulated with fixed random numbers.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Matrix, Vector
from kernels.numeric.simplex import helmert_basis

# Draws of the simulation, an even number: an error of some 3 % of a CRPS, common to all that are compared.
_DRAWS = 256
_SEED = 20230516
# Standard deviation of a log-ratio below which nothing is believed: a perfect fit is not a certain forecast.
_SMALLEST = 1e-6
# How far a density is smoothed between courses: 0 not at all, 1 to one normal density; and from how many on.
_SMOOTHING = (0.0, 0.01, 0.04, 0.16, 0.4, 1.0)
_FEWEST = 16


@dataclass(frozen=True)
class PredictiveDistribution:
    """What is expected in H periods ahead, of N firms.

    Attributes
    ----------
    share : (H, N) array
        Medians of the shares, closed to sum to 1, or their mean over courses; nan for absent firms.
    covariance : (H, N, N) array
        Of the log shares, up to a term common to all firms; not read for absent firms.
    total_sales : (H,) array
        Sales of the market that go with it, currency per period.
    courses : (D, H, N) array or None
        Medians under each of D equally likely courses of the efforts; None where the efforts are known, or do
        not matter.
    """

    share: Matrix
    covariance: Cube
    total_sales: Vector
    courses: Cube | None = None

    def over(self, courses: Cube) -> "PredictiveDistribution":
        """Mix over courses (D, H, N): their mean is what is expected."""
        return replace(self, share=courses.mean(axis=0), courses=courses)


def log_errors(observed: Matrix, modelled: Matrix, moving: NDArray[np.bool_]) -> Matrix:
    """Errors of log shares, centred over the firms that move: (T, N), nan for others or without sales."""
    known = moving & (np.nan_to_num(observed) > 0.0) & (np.nan_to_num(modelled) > 0.0)
    ratio = np.where(known, observed, 1.0) / np.where(known, modelled, 1.0)
    error = np.log(ratio)
    error -= error.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, error, np.nan)


def error_covariance(errors: Matrix) -> Matrix:
    """Estimate the covariance of errors of log shares by `shrunk_covariance`, (N, N)."""
    return shrunk_covariance(errors)[0]


def shrunk_covariance(errors: Matrix, kept: float = 1.0) -> tuple[Matrix, float]:
    """Estimate the covariance of errors of log shares, shrunk towards equal and independent firms.

    Parameters
    ----------
    errors : (T, N) array
        Centred in each period over the firms present; nan for absent firms.
    kept : float
        Part of the degrees of freedom that a fit left to them.

    Returns
    -------
    covariance : (N, N) array
        Of log shares up to a common term. A firm without any error has the mean variance of the others.
    shrinkage : float
        Weight of equal and independent firms, from 0 to 1.

    Notes
    -----
    With more firms than periods the sample covariance is singular; the shrinkage is the oracle approximating
    one of Chen, Wiesel, Eldar & Hero (2010), IEEE Trans. Signal Processing 58, 5016-5029, on the N - 1
    log-ratio coordinates.
    """
    n_firms = errors.shape[1]
    known = ~np.isnan(errors)
    count = known.sum(axis=0)
    seen = count > 0
    if not seen.any() or n_firms < 2:
        return _SMALLEST**2 * np.eye(n_firms), 1.0
    filled = np.where(known, errors, 0.0) / np.sqrt(np.maximum(count, 1))
    sample = filled.T @ filled
    mean = float(np.diag(sample)[seen].mean())
    sample[~seen, ~seen] = mean
    freedom = max(int(seen.sum()) - 1, 1)
    size, square = float(np.trace(sample)), float(np.sum(sample**2))
    level = size / freedom if seen.all() else mean
    shrinkage = _oracle_shrinkage(square, size, freedom, kept * int(known.any(axis=1).sum()))
    covariance = (1.0 - shrinkage) * sample + (shrinkage * level + _SMALLEST**2) * np.eye(n_firms)
    return covariance, shrinkage


def _oracle_shrinkage(square: float, size: float, dimensions: int, samples: float) -> float:
    """Weight of the identity: from trace of S squared, trace of S, and how many dimensions and samples."""
    mean_square = square / dimensions**2
    level = (size / dimensions) ** 2
    spread = (samples + 1.0) * (mean_square - level / dimensions)
    return 1.0 if spread <= 0.0 else float(min((mean_square + level) / spread, 1.0))


def log_score(predicted: PredictiveDistribution, observed: Matrix, active: NDArray[np.bool_]) -> Vector:
    """Minus the logarithm of the predictive density of the isometric log-ratios of each period.

    Parameters
    ----------
    predicted : PredictiveDistribution
    observed : (H, N) array
        Shares that came.
    active : (H, N) array of bool

    Returns
    -------
    (H,) array
        nan where a share is zero, fewer than two firms are there, or the forecast is missing.
    """
    scores = np.full(observed.shape[0], np.nan)
    for step, present in enumerate(active):
        share, expected = observed[step, present], predicted.share[step, present]
        if share.size < 2 or not ((share > 0.0).all() and (expected > 0.0).all()):
            continue
        basis = helmert_basis(share.size)
        centres = expected[None] if predicted.courses is None else predicted.courses[:, step, present]
        # A course that leaves a firm nothing does not lead to these shares: its density here is 0.
        possible = centres[(centres > 0.0).all(axis=1)]
        if not len(possible):
            continue
        covariance = basis @ predicted.covariance[step][np.ix_(present, present)] @ basis.T
        if np.linalg.slogdet(covariance)[0] > 0.0:
            density = _course_densities(basis @ np.log(share), np.log(possible), basis, covariance)
            # Minus the logarithm of the mean density over the courses.
            scores[step] = np.log(len(centres)) - np.logaddexp.reduce(density)
    return scores


def _course_densities(observed: Vector, log_courses: Matrix, basis: Matrix, covariance: Matrix) -> Vector:
    """Logarithms of the densities (D,) of log-ratios (P,) under log shares (D, N) of D courses, smoothed.

    A few courses leave holes between them when errors are small beside what efforts do, and what comes falls
    into one: the density there would be that of the luck of the draw. So a part h² of the covariance between
    courses goes into the kernel, and centres are drawn to their mean by sqrt(1 - h²), which leaves mean and
    covariance of the mixture as they are (West 1993, JRSS B 55, 409-422). h² is the one under which each
    course is likeliest by the others; where efforts have few values, that is none.
    """
    ratios = basis @ log_courses.T
    factor, centre = np.linalg.cholesky(covariance), ratios.mean(axis=1)
    turn, spread = np.linalg.inv(factor), np.zeros(len(ratios))
    smoothed = ratios.shape[1] >= _FEWEST
    if smoothed:
        apart = log_courses - log_courses.mean(axis=0)
        between = basis @ shrunk_covariance(apart - apart.mean(axis=1, keepdims=True))[0] @ basis.T
        spread, axes = np.linalg.eigh(turn @ between @ turn.T)
        turn = axes.T @ turn
    # Coordinates in which errors are standard normal, and what efforts do is uncorrelated.
    courses, came = turn @ (ratios - centre[:, None]), turn @ (observed - centre)

    def densities(places: Matrix, part: float) -> Matrix:
        variance = 1.0 + part * spread
        distance = places[:, :, None] - np.sqrt(1.0 - part) * courses[:, None]
        return np.asarray(-0.5 * (np.tensordot(1.0 / variance, distance**2, 1) + np.log(variance).sum()))

    best = 0.0
    if smoothed:
        count = courses.shape[1]
        drawn = courses + _normal_draws(count + count % 2, len(courses))[:count].T
        itself = np.where(np.eye(count, dtype=np.bool_), -np.inf, 0.0)
        others = np.stack([densities(drawn, part) + itself for part in _SMOOTHING])
        best = _SMOOTHING[int(np.argmax(special.logsumexp(others, axis=2).sum(axis=1)))]
    constant = np.log(np.diag(factor)).sum() + 0.5 * len(courses) * np.log(2.0 * np.pi)
    return np.asarray(densities(came[:, None], best)[0] - constant)


def crps(predicted: PredictiveDistribution, observed: Matrix, active: NDArray[np.bool_]) -> Matrix:
    """Continuous ranked probability score of each share, (H, N): E|X - y| - E|X - X'|/2; nan where absent."""
    draws = draw_shares(predicted, active)
    count = draws.shape[0]
    draws.sort(axis=0)
    weight = (2.0 * np.arange(1, count + 1) - count - 1.0) / (count * (count - 1.0))
    spread = np.tensordot(weight, draws, axes=1)
    distance = np.abs(draws - np.where(active, observed, np.nan)).mean(axis=0)
    return distance - spread


def draw_shares(
    predicted: PredictiveDistribution,
    active: NDArray[np.bool_],
    count: int = _DRAWS,
    normal: Cube | None = None,
) -> Cube:
    """Draw shares from a forecast: (count, H, N), nan where absent.

    Always with the same random numbers, which makes forecasts comparable; or with given standard normals
    (count, H, N).
    """
    if normal is None:
        normal = _normal_draws(count, predicted.share.shape[1])[:, np.newaxis]
    both = active[:, :, None] & active[:, None, :]
    variance, axes = np.linalg.eigh(np.where(both, np.nan_to_num(predicted.covariance), 0.0))
    factor = axes * np.sqrt(np.maximum(variance, 0.0))[:, None, :]
    noise = np.matmul(factor, normal[..., np.newaxis])[..., 0]
    if predicted.courses is None:
        return shift_shares(predicted.share, noise)
    count = len(noise)
    # As each noise has its opposite half of the draws later, both shift the same course.
    return shift_shares(predicted.courses[np.arange(count) % (count // 2) % len(predicted.courses)], noise)


@lru_cache(maxsize=8)
def _normal_draws(count: int, dimensions: int) -> Matrix:
    """Draw standard normals in pairs of opposite sign, with exactly unit covariance: so few will do."""
    half = np.random.default_rng(_SEED).standard_normal((count // 2, dimensions))
    if count // 2 > 2 * dimensions:
        half = half @ np.linalg.inv(np.linalg.cholesky(half.T @ half / len(half))).T
    return np.concatenate([half, -half])


def shift_shares(share: Matrix, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add to log shares and close again: (H, N) and (..., H, N) to (..., H, N); nan stays nan."""
    with np.errstate(divide="ignore"):
        log = np.log(share) + shift
    log -= np.fmax.reduce(log, axis=-1, keepdims=True)
    raised = np.exp(log)
    return raised / np.nansum(raised, axis=-1, keepdims=True)
