"""How far the estimates of one fit can be trusted: weak directions, intervals, bootstrap replicates."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Floats, Matrix, Vector
from pipeline.config.parameters import OF_ERRORS, of_firm, of_states
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.uncertainty.assessed_fit import AssessedFits, assessed_fits
from pipeline.fitting.uncertainty.covariance import correlation_of
from pipeline.fitting.uncertainty.optimum import Optimum
from pipeline.fitting.uncertainty.recommended import settled, widened
from pipeline.fitting.uncertainty.refits.bootstrap import percentile_intervals
from pipeline.fitting.uncertainty.refits.profile import profile_intervals
from pipeline.fitting.uncertainty.refits.restricted import slow_intervals
from pipeline.fitting.uncertainty.robust import newey_west
from pipeline.fitting.uncertainty.two_step import hausman_t
from pipeline.fitting.uncertainty.weak_directions import weak_directions
from pipeline.store.format.catalogue import RECOMMENDED


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What can be said of Q reported parameters of a fit.

    Attributes
    ----------
    covariance
        (Q, Q); nan where a parameter is fixed, undetermined, at a bound or tied to others.
    stderr, correlation
        (Q,) and (Q, Q): of the estimates, from the covariance.
    interval
        (M, Q, L, 2) lower and upper ends by method and level; nan where there is none.
    recommended
        (Q,) places in `RECOMMENDED`: the method whose interval to trust, or why there is none.
    replicate
        (B, Q) bootstrap estimates.
    trusted
        (P, P) covariance of the parameters themselves, widened to the most trusted of these intervals.
    sensitivity
        (Q,) norm of the derivatives of the residual; nan for what was not free.
    strength, direction
        (D,) and (D, Q): directions that the data see badly, see `weak_directions`.
    hausman_t
        (E,) t-statistic of the control of each endogenous effort: that the effort is exogenous.
    statistic
        rank, condition, autocorrelation, and the tests of `residual_checks`.
    """

    covariance: Matrix
    stderr: Vector
    correlation: Matrix
    interval: NDArray[np.float64]
    recommended: NDArray[np.int8]
    replicate: Matrix
    trusted: Matrix
    sensitivity: Vector
    strength: Vector
    direction: Matrix
    hausman_t: Vector
    statistic: dict[str, float]


def assess_together(optima: Sequence[Optimum], asked: UncertaintySection) -> list[Uncertainty]:
    """Assess many fits.

    Parameters
    ----------
    optima : sequence of Optimum
    asked : UncertaintySection
        Methods, levels, replicates.

    Returns
    -------
    list of Uncertainty
        Of each, in order.
    """
    found: dict[int, Uncertainty] = {}
    for places, fits in assessed_fits(optima, asked):
        found.update(zip(places, _assess(fits), strict=True))
    return [found[place] for place in range(len(optima))]


def _assess(fits: AssessedFits) -> Iterator[Uncertainty]:
    asked, (count, size) = fits.asked, (len(fits.theta), len(fits.matrix))
    interval = np.full((count, len(asked.methods), size, len(asked.levels), 2), np.nan)
    for row, method in enumerate(asked.methods):
        if method != "recommended" and not (fits.edge.any() and method in _REFITS):
            interval[:, row] = _METHODS[method](fits)
    recommended, trusted = _recommend(fits, fits.repeatable and "recommended" in asked.methods)
    if "recommended" in asked.methods:
        interval[:, asked.methods.index("recommended")] = trusted
    determined = recommended != _UNDETERMINED
    both = determined[:, :, np.newaxis] & determined[:, np.newaxis]
    covariance = np.where(both, fits.plain, np.nan)
    n_own = fits.theta.shape[1]
    widest = widened(covariance, interval, asked)[:, :n_own, :n_own]
    correlation, stderr = correlation_of(covariance), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    inner = np.flatnonzero(fits.inner)
    sensitivity = np.full((count, size), np.nan)
    sensitivity[:, inner] = fits.covariance.sensitivity
    condition, rank = fits.covariance.condition.tolist(), fits.covariance.rank.tolist()
    for fit in range(count):
        strength, loading = weak_directions(fits.covariance[fit])
        direction = np.zeros((strength.size, size))
        direction[:, inner] = loading
        yield Uncertainty(
            covariance=covariance[fit],
            stderr=stderr[fit],
            correlation=correlation[fit],
            interval=interval[fit],
            recommended=recommended[fit],
            replicate=fits.replicates[fit],
            trusted=widest[fit],
            sensitivity=sensitivity[fit],
            strength=strength,
            direction=direction,
            hausman_t=_hausman_t(fits, fit),
            statistic={
                "rank": float(rank[fit]),
                "condition": condition[fit],
                "autocorrelation": fits.serials[fit].coefficient,
                **fits.checks[fit].statistic,
            },
        )


def _hausman_t(fits: AssessedFits, fit: int) -> Vector:
    if not fits.models[fit].stages:
        return np.empty(0)
    return hausman_t(fits.models[fit], fits.theta[fit], fits.inner, fits.serial_covariance.matrix[fit])


def _covariance(fits: AssessedFits) -> Floats:
    return fits.around(fits.plain, fits.degrees)


def _hac(fits: AssessedFits) -> Floats:
    robust = newey_west(fits.covariance, fits.space, fits.jacobian, fits.residual, beliefs=fits.beliefs)
    return fits.around(fits.reported(robust.matrix), robust.degrees)


def _autoregressive(fits: AssessedFits) -> Floats:
    return fits.around(fits.correlated, fits.serial_covariance.degrees)


def _own(fits: AssessedFits, ends: Sequence[Cube]) -> Floats:
    """Place ends of the parameters themselves; what is put together from several has none."""
    reported = np.full((len(ends), len(fits.matrix), len(fits.asked.levels), 2), np.nan)
    for row, own in zip(reported, ends, strict=True):
        row[: len(own)] = own
    return reported


def _stderr(fits: AssessedFits) -> Matrix:
    """Plain standard errors (B, P) of the inner parameters; nan for others."""
    stderr = np.full(fits.theta.shape, np.nan)
    stderr[:, fits.inner] = fits.covariance.stderr
    return stderr


def _profile(fits: AssessedFits) -> Floats:
    covariances, levels = fits.placed(fits.covariance.matrix, np.nan), fits.asked.levels
    each = zip(fits.models, fits.theta, covariances, fits.degrees.tolist(), strict=True)
    return _own(
        fits,
        [
            profile_intervals(model, theta, covariance, levels, degrees)
            for model, theta, covariance, degrees in each
        ],
    )


def _percentile(fits: AssessedFits) -> Floats:
    ends = np.stack([percentile_intervals(values, fits.asked.levels) for values in fits.replicates])
    # What never changes is fixed, or undetermined in every replicate.
    known = np.isfinite(np.diagonal(fits.plain, axis1=1, axis2=2))
    free = fits.models[0].vary & ~fits.inner
    at_bound = (fits.matrix[:, free] != 0.0).any(axis=1)
    ends[~(known | at_bound)] = np.nan
    return ends


def _mcmc(fits: AssessedFits) -> Floats:
    from pipeline.fitting.uncertainty.refits.mcmc import posterior_intervals

    asked, seeds = fits.asked, fits.seeds[:, 1].tolist()
    each = zip(fits.models, fits.theta, _stderr(fits), seeds, strict=True)
    return _own(
        fits,
        [
            posterior_intervals(model, theta, stderr, asked.mcmc, asked.levels, seed)
            for model, theta, stderr, seed in each
        ],
    )


# Methods that fit again, and stop where f would be negative.
_REFITS = ("profile", "bootstrap", "mcmc")
_AUTOREGRESSIVE, _PROFILE, _UNDETERMINED, _AT_BOUND, _FIXED = (
    RECOMMENDED.index(word) for word in ("autoregressive", "profile", "undetermined", "at bound", "fixed")
)


def _recommend(fits: AssessedFits, refits: bool) -> tuple[NDArray[np.int8], Floats]:
    """Choose the method of every reported parameter, (B, Q), and give its intervals (B, Q, L, 2)."""
    ends = _autoregressive(fits)
    known = np.diagonal(fits.plain, axis1=1, axis2=2) > 0.0
    codes = np.where(known, _AUTOREGRESSIVE, _FIXED).astype(np.int8)
    n_own = fits.theta.shape[1]
    own = codes[:, :n_own]
    own[fits.inner & ~known[:, :n_own]] = _UNDETERMINED
    wide = fits.flagged(fits.doubts.wide)
    effects, _, of_errors = _kinds(fits.names)
    doubtful = fits.flagged(fits.doubts.leaning) | wide | (fits.flagged(fits.doubts.weak) & ~effects)
    doubtful &= own == _AUTOREGRESSIVE
    doubtful &= ~_stretch(fits, doubtful & effects, ends)
    refits &= not fits.edge.any()
    if refits:
        chosen = (own == _AUTOREGRESSIVE) & ~effects & ~of_errors & ~wide
        doubtful &= ~_correct(fits, chosen, own, ends)
        _settle(fits, doubtful, own, ends)
    else:
        own[doubtful & wide] = _UNDETERMINED
    own[:, fits.at_bound != 0] = _AT_BOUND
    # What is put together from several is as good as the worst of them.
    for row in range(n_own, codes.shape[1]):
        parts = own[:, fits.matrix[row] != 0.0]
        for worse in (_AT_BOUND, _UNDETERMINED):
            codes[(parts == worse).any(axis=1), row] = worse
    ends[(codes != _AUTOREGRESSIVE) & (codes != _PROFILE)] = np.nan
    return codes, ends


@functools.lru_cache(maxsize=64)
def _kinds(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell of parameters (3, P): levels of single firms, shares among them, and what errors are like."""
    return np.array([[of_firm(name), of_states(name), name in OF_ERRORS] for name in names]).T


def _stretch(fits: AssessedFits, levels: NDArray[np.bool_], ends: Floats) -> NDArray[np.bool_]:
    """Widen the intervals of doubtful levels of single firms (B, P); tell of which that is enough."""
    if not levels.any():
        return levels
    _, states, _ = _kinds(fits.names)
    stretch = np.full(levels.shape, np.nan)
    stretch[:, fits.inner] = fits.doubts.stretch
    done: NDArray[np.bool_] = levels & np.isfinite(stretch) & (states | ~fits.flagged(fits.doubts.wide))
    value, factor = fits.theta[done], np.maximum(stretch[done], 1.0)
    own = ends[:, : levels.shape[1]]
    centre = value[:, np.newaxis, np.newaxis]
    own[done] = centre + (own[done] - centre) * factor[:, np.newaxis, np.newaxis]
    return done


def _correct(
    fits: AssessedFits, chosen: NDArray[np.bool_], codes: NDArray[np.int8], ends: Floats
) -> NDArray[np.bool_]:
    """Replace the intervals of chosen parameters (B, P) where speeds are biased, and tell of which."""
    replaced = np.zeros_like(chosen)
    covariances, widening = fits.placed(fits.covariance.matrix, np.nan), _widening(fits)
    for fit in np.flatnonzero(chosen.any(axis=1)).tolist():
        model, degrees = fits.models[fit], float(fits.degrees[fit])
        what = model, fits.theta[fit], fits.space, covariances[fit], chosen[fit]
        found = slow_intervals(*what, fits.asked.levels, degrees, widening[fit])
        known = ~np.isnan(found).any(axis=(1, 2))
        some, _ = settled(found, model.lower, model.upper)
        codes[fit, known] = np.where(some, _PROFILE, _UNDETERMINED)[known]
        ends[fit, : known.size][known] = found[known]
        replaced[fit] = known
    return replaced


def _settle(fits: AssessedFits, doubtful: NDArray[np.bool_], codes: NDArray[np.int8], ends: Floats) -> None:
    """Replace the intervals of doubtful parameters (B, P) by their profiles, or call them undetermined."""
    wide, leaning = fits.flagged(fits.doubts.wide), fits.flagged(fits.doubts.leaning)
    covariances, widening = fits.placed(fits.covariance.matrix, np.nan), _widening(fits)
    for fit in np.flatnonzero(doubtful.any(axis=1)).tolist():
        model, degrees, chosen = fits.models[fit], float(fits.degrees[fit]), doubtful[fit]
        covariances[fit, ~chosen, ~chosen] = np.nan
        what = model, fits.theta[fit], covariances[fit], fits.asked.levels, degrees
        # Widened for correlated errors; of wide ones both ends or none.
        profile = profile_intervals(*what, widening[fit], wide[fit])
        some, both = settled(profile, model.lower, model.upper)
        failed = np.isnan(profile).any(axis=(1, 2))
        good = chosen & ~failed & some & (both | ~wide[fit])
        codes[fit, good] = _PROFILE
        ends[fit, : good.size][good] = profile[good]
        codes[fit, chosen & ~good & (~failed | leaning[fit] | wide[fit])] = _UNDETERMINED


def _widening(fits: AssessedFits) -> Matrix:
    """Autoregressive over plain standard errors (B, P), for quantiles of profiles."""
    plain = _stderr(fits)
    robust = np.sqrt(np.diagonal(fits.correlated, axis1=1, axis2=2))[:, : plain.shape[1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(robust > 0.0, robust / plain, 1.0)


_METHODS: Mapping[str, Callable[[AssessedFits], Floats]] = {
    "covariance": _covariance,
    "hac": _hac,
    "autoregressive": _autoregressive,
    "profile": _profile,
    "bootstrap": _percentile,
    "mcmc": _mcmc,
}
