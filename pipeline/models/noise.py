"""The covariance of the errors of one period: alike for all firms, by firm, or in full; shrunk where short.

Errors are those of log shares, known up to a term common to the firms of a period. One object says what they
are like: it weighs the rows of a fit, is drawn from by replicates, and is the density of its forecasts.

=========== ======================================================= =====================================
kind        errors                                                  drawn to equal and independent firms
=========== ======================================================= =====================================
homogeneous alike and independent in every log-ratio: no weights    (forecasts as under ``full``)
by_firm     of log shares independent, a variance for every firm    logarithms of variances to their mean,
                                                                    as far as chance explains them
full        covariances between firms                               oracle approximating shrinkage
=========== ======================================================= =====================================

A fit without weights leaves errors that are seldom alike, so forecasts of ``homogeneous`` have the covariance
that is found in them: densities of equal firms were worse by 1.0 (orange juice) nats a period held out.

Sources: Grubbs (1948), J. American Statistical Association 43, 243 (variances of several instruments that
share what they measure), here by the EM algorithm of Dempster, Laird & Rubin (1977), J. Royal Statistical
Society B 39, 1; Cui et al. (2005), Biostatistics 6, 59 (shrinkage of log variances), with the variance
between firms of DerSimonian & Laird (1986); for ``full`` see `pipeline.models.predictive.shrunk_covariance`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from kernels.least_squares.market import moving_firms
from kernels.numeric.arrays import Matrix, Vector
from kernels.numeric.simplex import helmert_basis
from pipeline.config.sections.fit import NoiseKind
from pipeline.models.predictive import error_covariance, log_errors, shrunk_covariance
from pipeline.panel.market import MarketArrays

# The EM algorithm ends when no variance changes by more than this, relative.
_SETTLED = 1e-6
_ROUNDS = 500
# Periods with the mean variance that every firm is given: no variance is then estimated as zero. As weights,
# with 3 to 26 firms, 12 to 104 periods, deviations alike, from one to five, or of a fifth in one firm: they
# cost at most 11 % of a standard error against the true ones, and claim 0.94 to 1.02 of the variance that is
# there (with 0.02 periods: 7 %, 0.88 to 0.99; of 1: 18 %, 0.96 to 1.05).
_PSEUDO_PERIODS = 0.25
# Of a perfect fit.
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Noise:
    """What the errors of log shares of one common period are like.

    Attributes
    ----------
    kind
        homogeneous, by_firm or full.
    covariance
        (N, N) of log shares, up to a term common to all firms; firms that were never seen to move have the
        variance of an average one.
    parameters
        How many numbers beside the common variance were estimated for it; those drawn to the homogeneous
        covariance count in part.
    """

    kind: NoiseKind
    covariance: Matrix
    parameters: float = 0.0


def estimate_noise(kind: NoiseKind, errors: Matrix, used: float = 0.0) -> Noise:
    """Estimate the covariance of errors.

    Parameters
    ----------
    kind : str
        homogeneous, by_firm or full.
    errors : (T, N) array
        Of log shares, centred in each period over the firms that move; nan for others.
    used : float
        Parameters that were fitted to them, which made them smaller.

    Returns
    -------
    Noise
        With one firm, or without any error, the covariance of a perfect fit.
    """
    if kind == "homogeneous":
        return Noise(kind, error_covariance(errors))
    errors = errors[(~np.isnan(errors)).sum(axis=1) > 1]
    known = ~np.isnan(errors)
    rows = float(np.maximum(known.sum(axis=1) - 1, 0).sum())
    n_firms = errors.shape[1]
    square = float(np.nansum(errors**2))
    if rows == 0.0 or square <= _SMALLEST * rows:
        return Noise(kind, _SMALLEST * np.eye(n_firms))
    left = max(rows - used, 1.0)
    # Two firms have one log-ratio, which has a variance and nothing else.
    if known.sum(axis=1).max() < 3:
        return Noise(kind, square / left * np.eye(n_firms))
    if kind == "by_firm":
        variance, parameters = _by_firm(errors, known, left / rows)
        shape = np.diag(variance)
    else:
        shape, shrinkage = shrunk_covariance(errors, left / rows)
        size = int(known.any(axis=0).sum()) - 1
        parameters = (1.0 - shrinkage) * (size * (size + 1) / 2 - 1)
    return Noise(kind, shape * (_sum_of_squares(errors, known, shape) / left), parameters)


def noise_of_shares(
    kind: NoiseKind, market: MarketArrays, share: Matrix, spread: Vector, fitted: slice, used: float
) -> Noise:
    """Estimate the covariance of the errors of modelled shares (T, N) in a common fitted period of a market.

    ``spread`` (T,) says how large those of each period are in its own.
    """
    moving = moving_firms(market.active)[fitted]
    errors = log_errors(market.share[fitted], share[fitted], moving) / spread[fitted, np.newaxis]
    return estimate_noise(kind, errors, used)


def _by_firm(errors: Matrix, known: NDArray[np.bool_], kept: float) -> tuple[Vector, float]:
    """Variances (N,) of the firms, and the effective number of those beside the mean."""
    variance = _separate(np.where(known, errors, 0.0), known)
    periods = known.sum(axis=0)
    firms = known.sum(axis=1)
    # Of n firms that share what is common, each is measured by n - 2 of n periods' worth (Fisher information
    # of equal variances).
    alone = np.where(known, 1.0 - 2.0 / firms[:, np.newaxis], 0.0).sum(axis=0)
    degrees = np.maximum(kept * alone, 1e-3)
    log = np.log(variance) - digamma(degrees / 2) + np.log(degrees / 2)
    chance = polygamma(1, degrees / 2)
    seen = periods > 0
    between = _between(log[seen], chance[seen])
    weight = between / (between + chance)
    middle = float(np.average(log[seen], weights=1.0 / (between + chance[seen])))
    n_seen = int(seen.sum())
    return np.exp(middle + weight * (log - middle)), float(weight[seen].sum()) * (n_seen - 1) / n_seen


def _between(value: Vector, chance: Vector) -> float:
    """Variance of true values around their mean, from estimates with variances ``chance`` of their own."""
    precision = 1.0 / chance
    middle = np.average(value, weights=precision)
    excess = float(precision @ (value - middle) ** 2) - (value.size - 1)
    room = float(precision.sum() - (precision @ precision) / precision.sum())
    return max(excess / room, 0.0) if room > 0.0 else 0.0


def _separate(errors: Matrix, known: NDArray[np.bool_]) -> Vector:
    """Variances of independent errors of which only differences within a period are known (EM)."""
    periods = known.sum(axis=0)
    seen = periods > 0
    variance = np.full(errors.shape[1], np.mean(errors[known] ** 2))
    for _ in range(_ROUNDS):
        precision = known / variance
        total = precision.sum(axis=1)
        common = (precision * errors).sum(axis=1) / total
        square = np.where(known, (errors - common[:, None]) ** 2 + 1.0 / total[:, None], 0.0).sum(axis=0)
        mean = float(variance[seen].mean())
        found = (square + _PSEUDO_PERIODS * mean) / (periods + _PSEUDO_PERIODS)
        change = float(np.max(np.abs(found / variance - 1.0)[seen]))
        variance = found
        if change <= _SETTLED:
            break
    return variance


def _sum_of_squares(errors: Matrix, known: NDArray[np.bool_], covariance: Matrix) -> float:
    """Sum over periods of e' V⁻¹ e, with V the covariance of the log-ratios of the firms that move."""
    total = 0.0
    for present in np.unique(known, axis=0):
        firms = np.flatnonzero(present)
        if firms.size < 2:
            continue
        basis = helmert_basis(firms.size)
        rows = errors[(known == present).all(axis=1)][:, firms] @ basis.T
        factor = np.linalg.cholesky(basis @ covariance[np.ix_(firms, firms)] @ basis.T)
        total += float(np.sum(np.linalg.solve(factor, rows.T) ** 2))
    return total
