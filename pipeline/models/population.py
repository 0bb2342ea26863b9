"""The population of markets: how parameters differ between markets, from fits of all of them.

Empirical Bayes for a normal population: the likelihood of market k is taken as normal around its estimate,
``theta_k ~ N(mean, spread^2)`` independently for every parameter, and mean and spread maximise the marginal
likelihood by expectation and maximisation (Dempster, Laird & Rubin 1977; Laird & Ware 1982, Biometrics 38).
A market whose data do not see a parameter then gets the population's, and one whose data are clear keeps its
own.
"""

from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Matrix, Vector

_ITERATIONS = 200
# The population is known when no mean and no spread moves by more than this part of its spread.
_TOLERANCE = 1e-3
# Parameters that do not differ between markets still need a positive spread, relative to their size.
_SMALLEST = 1e-4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data of L markets say about P parameters: log-likelihood ``-t'At/2 + b't`` each.

    Attributes
    ----------
    precision
        (L, P, P) matrices A, zero where the data say nothing.
    shift
        (L, P) vectors b.
    """

    precision: Matrix
    shift: Matrix


@dataclass(frozen=True, slots=True)
class Population:
    """Means and standard deviations (P,) of parameters over the markets."""

    mean: Vector
    spread: Vector


def evidence_of(
    value: Matrix, covariance: Matrix, prior_mean: Vector | None = None, prior_spread: Matrix | None = None
) -> Evidence:
    """Turn estimates into what the data alone say, by taking off the priors that went into them.

    Parameters
    ----------
    value : (L, P) array
        Estimates; nan where a market has no such parameter or no fit.
    covariance : (L, P, P) array
        Of the estimates, with nan rows and columns where the data do not determine a parameter.
    prior_mean, prior_spread : (P,) and (L, P) arrays, optional
        Priors of the estimates; infinite spread where there was none.
    """
    n_markets, n_parameters = value.shape
    precision = np.zeros((n_markets, n_parameters, n_parameters))
    shift = np.zeros((n_markets, n_parameters))
    for k in range(n_markets):
        variance = np.diag(covariance[k])
        known = np.flatnonzero(np.isfinite(value[k]) & np.isfinite(variance) & (variance > 0.0))
        if known.size == 0:
            continue
        own = _inverse(covariance[k][np.ix_(known, known)])
        b = own @ value[k, known]
        if prior_mean is not None and prior_spread is not None:
            held = 1.0 / prior_spread[k, known] ** 2
            own -= np.diag(held)
            b -= held * prior_mean[known]
        precision[k][np.ix_(known, known)] = own
        shift[k, known] = b
    return Evidence(precision, shift)


def estimate_population(
    evidence: Evidence, mean: Vector, spread: Vector, *, prior_spread: Vector | None = None
) -> Population:
    """Estimate the population that makes the data of all markets most likely.

    Parameters
    ----------
    evidence : Evidence
        Of L markets on P parameters.
    mean, spread : (P,) arrays
        Where the search begins; finite, spreads positive.
    prior_spread : (P,) array, optional
        Standard deviation of the belief that the population's mean is ``mean``; infinite by default.
        It matters for what hardly any market has seen.

    Returns
    -------
    Population
    """
    belief = np.zeros_like(mean) if prior_spread is None else 1.0 / prior_spread**2
    centre, smallest = mean, _SMALLEST * np.maximum(spread, np.abs(mean))
    for _ in range(_ITERATIONS):
        theta, variance = _posterior(evidence, mean, spread)
        new_mean = (theta.sum(axis=0) / spread**2 + belief * centre) / (len(theta) / spread**2 + belief)
        new_spread = np.sqrt(((theta - new_mean) ** 2 + variance).mean(axis=0))
        new_spread = np.maximum(new_spread, smallest)
        moved = np.maximum(np.abs(new_mean - mean), np.abs(new_spread - spread)) / spread
        mean, spread = new_mean, new_spread
        if moved.max() <= _TOLERANCE:
            break
    return Population(mean, spread)


def _posterior(evidence: Evidence, mean: Vector, spread: Vector) -> tuple[Matrix, Matrix]:
    """Means and variances (L, P) of the parameters of every market, given its data and the population."""
    theta, variance = np.empty_like(evidence.shift), np.empty_like(evidence.shift)
    for k, (precision, shift) in enumerate(zip(evidence.precision, evidence.shift, strict=True)):
        # Scaled by the spreads the matrix is near the unit matrix where the data say little.
        scaled = precision * np.outer(spread, spread) + np.eye(mean.size)
        covariance = _inverse(scaled)
        gradient = (shift - precision @ mean) * spread
        theta[k] = mean + spread * (covariance @ gradient)
        variance[k] = np.maximum(np.diag(covariance), 0.0) * spread**2
    return theta, variance


def _inverse(matrix: Matrix) -> Matrix:
    """Invert a symmetric positive definite matrix, or its positive part where rounding left it indefinite."""
    scale = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    unit = matrix / np.outer(scale, scale)
    try:
        factor = np.linalg.inv(np.linalg.cholesky(unit))
        inverse = factor.T @ factor
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(unit, rcond=1e-12, hermitian=True)
    return inverse / np.outer(scale, scale)
