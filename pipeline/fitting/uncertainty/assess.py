"""How far the estimates of one fit can be trusted: weak directions, intervals, bootstrap replicates."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import OF_ERRORS, of_firm, of_states
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.uncertainty.assessed_fit import AssessedFit, assessed_fits
from pipeline.fitting.uncertainty.optimum import Optimum
from pipeline.fitting.uncertainty.recommended import settled, widened
from pipeline.fitting.uncertainty.refits.bootstrap import percentile_intervals
from pipeline.fitting.uncertainty.refits.profile import profile_intervals
from pipeline.fitting.uncertainty.refits.restricted import slow_intervals
from pipeline.fitting.uncertainty.robust import newey_west
from pipeline.fitting.uncertainty.two_step import hausman_t
from pipeline.fitting.uncertainty.weak_directions import N_DIRECTIONS, weak_directions
from pipeline.store.format.catalogue import RECOMMENDED


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What can be said of Q reported parameters of a fit.

    Attributes
    ----------
    covariance
        (Q, Q); nan where a parameter is fixed, undetermined, at a bound or tied to others.
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
    return [_assess(fit) for fit in assessed_fits(optima, asked)]


def _assess(fit: AssessedFit) -> Uncertainty:
    asked, matrix, theta, edge = fit.asked, fit.matrix, fit.theta, fit.edge
    strength, loading = weak_directions(fit.covariance)
    direction = np.zeros((strength.size, len(matrix)))
    direction[:, np.flatnonzero(fit.inner)] = loading
    sensitivity = np.full(len(matrix), np.nan)
    sensitivity[np.flatnonzero(fit.inner)] = fit.covariance.sensitivity
    interval = np.full((len(asked.methods), len(matrix), len(asked.levels), 2), np.nan)
    for row, method in enumerate(asked.methods):
        if method == "recommended":
            continue
        if not (edge.any() and method in _REFITS):
            interval[row] = _METHODS[method](fit)
    recommended, trusted = _recommend(fit, fit.repeatable and "recommended" in asked.methods)
    if "recommended" in asked.methods:
        interval[asked.methods.index("recommended")] = trusted
    covariance = fit.plain.copy()
    undetermined = recommended == RECOMMENDED.index("undetermined")
    covariance[undetermined], covariance[:, undetermined] = np.nan, np.nan
    return Uncertainty(
        covariance=covariance,
        interval=interval,
        recommended=recommended,
        replicate=fit.replicates,
        trusted=widened(covariance, interval, asked)[: theta.size, : theta.size],
        sensitivity=sensitivity,
        strength=strength[:N_DIRECTIONS],
        direction=direction,
        hausman_t=hausman_t(fit.model, theta, fit.inner, fit.serial_covariance.matrix),
        statistic={
            "rank": float(fit.covariance.rank),
            "condition": fit.covariance.condition,
            "autocorrelation": fit.serial.coefficient,
            **fit.checks.statistic,
        },
    )


def _covariance(fit: AssessedFit) -> NDArray[np.float64]:
    return fit.around(fit.plain, fit.degrees)


def _hac(fit: AssessedFit) -> NDArray[np.float64]:
    robust = newey_west(fit.covariance, fit.space, fit.jacobian, fit.residual, beliefs=fit.beliefs)
    return fit.around(fit.reported(robust.matrix), robust.degrees)


def _autoregressive(fit: AssessedFit) -> NDArray[np.float64]:
    return fit.around(fit.correlated, fit.serial_covariance.degrees)


def _own(fit: AssessedFit, ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place ends of the parameters themselves; what is put together from several has none."""
    reported = np.full((len(fit.matrix), *ends.shape[1:]), np.nan)
    reported[: len(ends)] = ends
    return reported


def _stderr(fit: AssessedFit) -> Vector:
    return np.sqrt(np.diag(_inner_covariance(fit)))


def _profile(fit: AssessedFit) -> NDArray[np.float64]:
    levels = fit.asked.levels
    return _own(fit, profile_intervals(fit.model, fit.theta, _inner_covariance(fit), levels, fit.degrees))


def _percentile(fit: AssessedFit) -> NDArray[np.float64]:
    ends = percentile_intervals(fit.replicates, fit.asked.levels)
    # What never changes is fixed, or undetermined in every replicate.
    known = np.isfinite(np.diag(fit.plain))
    free = np.zeros(fit.theta.size, dtype=bool)
    free[fit.model.vary & ~fit.inner] = True
    at_bound = (fit.matrix[:, free] != 0.0).any(axis=1)
    ends[~(known | at_bound)] = np.nan
    return ends


def _mcmc(fit: AssessedFit) -> NDArray[np.float64]:
    from pipeline.fitting.uncertainty.refits.mcmc import posterior_intervals

    seed, levels = int(fit.seeds[1]), fit.asked.levels
    return _own(fit, posterior_intervals(fit.model, fit.theta, _stderr(fit), fit.asked.mcmc, levels, seed))


# Methods that fit again, and stop where f would be negative.
_REFITS = ("profile", "bootstrap", "mcmc")


def _recommend(fit: AssessedFit, refits: bool) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Choose the method of every reported parameter; give the intervals (Q, L, 2) of that method."""
    names = np.full(len(fit.matrix), "fixed", dtype=object)
    ends = _autoregressive(fit)
    stderr = np.sqrt(np.diag(fit.plain))
    names[stderr > 0.0] = "autoregressive"
    own = names[: fit.theta.size]
    own[fit.inner & ~(stderr[: fit.theta.size] > 0.0)] = "undetermined"
    doubtful, wide = fit.flagged(fit.doubts.leaning | fit.doubts.wide), fit.flagged(fit.doubts.wide)
    effects, _, of_errors = _kinds(fit.model.names)
    doubtful |= fit.flagged(fit.doubts.weak) & ~effects
    doubtful &= own == "autoregressive"
    doubtful &= ~_stretch(fit, doubtful & effects, ends)
    refits &= not fit.edge.any()
    if refits:
        chosen = (own == "autoregressive") & ~effects & ~of_errors & ~wide
        doubtful &= ~_correct(fit, chosen, own, ends)
    if doubtful.any():
        _settle(fit, doubtful, own, ends, refits)
    own[fit.at_bound != 0] = "at bound"
    # What is put together from several is as good as the worst of them.
    for row in range(fit.theta.size, len(names)):
        parts = set(own[fit.matrix[row] != 0.0].tolist())
        names[row] = next((word for word in ("undetermined", "at bound") if word in parts), names[row])
    ends[(names != "autoregressive") & (names != "profile")] = np.nan
    return np.array([RECOMMENDED.index(name) for name in names], dtype=np.int8), ends


@functools.lru_cache(maxsize=64)
def _kinds(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell of parameters (3, P): levels of single firms, shares among them, and what errors are like."""
    return np.array([[of_firm(name), of_states(name), name in OF_ERRORS] for name in names]).T


def _stretch(fit: AssessedFit, levels: NDArray[np.bool_], ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Widen the intervals of doubtful levels of single firms (P,), and tell of which that is enough."""
    if not levels.any():
        return levels
    _, states, _ = _kinds(fit.model.names)
    stretch = np.full(levels.size, np.nan)
    stretch[fit.inner] = fit.doubts.stretch
    done = levels & np.isfinite(stretch) & (states | ~fit.flagged(fit.doubts.wide))
    value = fit.theta[done, np.newaxis, np.newaxis]
    own = ends[: levels.size]
    own[done] = value + (own[done] - value) * np.maximum(stretch[done, np.newaxis, np.newaxis], 1.0)
    return done


def _correct(
    fit: AssessedFit, chosen: NDArray[np.bool_], names: NDArray[np.object_], ends: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Replace the intervals of chosen parameters (P,) where speeds are biased, and tell of which."""
    covariance, levels = _inner_covariance(fit), fit.asked.levels
    found = slow_intervals(
        fit.model, fit.theta, fit.space, covariance, chosen, levels, fit.degrees, _widening(fit)
    )
    known = ~np.isnan(found).any(axis=(1, 2))
    names[known] = np.where(settled(found, fit.model.lower, fit.model.upper)[0], "profile", "undetermined")[
        known
    ]
    ends[: known.size][known] = found[known]
    return known


def _settle(
    fit: AssessedFit,
    doubtful: NDArray[np.bool_],
    names: NDArray[np.object_],
    ends: NDArray[np.float64],
    refits: bool,
) -> None:
    """Replace the intervals of doubtful parameters (P,) by their profiles, or call them undetermined."""
    wide, leaning = fit.flagged(fit.doubts.wide), fit.flagged(fit.doubts.leaning)
    if not refits:
        names[doubtful & wide] = "undetermined"
        return
    profile = _profile_of(fit, doubtful, wide)
    some, both = settled(profile, fit.model.lower, fit.model.upper)
    failed = np.isnan(profile).any(axis=(1, 2))
    good = doubtful & ~failed & some & (both | ~wide)
    names[good] = "profile"
    ends[: doubtful.size][good] = profile[good]
    names[doubtful & ~good & (~failed | leaning | wide)] = "undetermined"


def _profile_of(fit: AssessedFit, chosen: NDArray[np.bool_], both: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Profile intervals of some parameters, widened for correlated errors; of some both ends or none."""
    covariance, levels = _inner_covariance(fit), fit.asked.levels
    covariance[~chosen, ~chosen] = np.nan
    return profile_intervals(fit.model, fit.theta, covariance, levels, fit.degrees, _widening(fit), both)


def _inner_covariance(fit: AssessedFit) -> Matrix:
    """Plain covariance (P, P) of the inner parameters; nan for others."""
    covariance = np.full((fit.theta.size, fit.theta.size), np.nan)
    covariance[np.ix_(fit.inner, fit.inner)] = fit.covariance.matrix
    return covariance


def _widening(fit: AssessedFit) -> Vector:
    """Autoregressive over plain standard errors (P,), for quantiles of profiles."""
    plain = _stderr(fit)
    robust = np.sqrt(np.diag(fit.correlated))[: plain.size]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(robust > 0.0, robust / plain, 1.0)


_METHODS: Mapping[str, Callable[[AssessedFit], NDArray[np.float64]]] = {
    "covariance": _covariance,
    "hac": _hac,
    "autoregressive": _autoregressive,
    "profile": _profile,
    "bootstrap": _percentile,
    "mcmc": _mcmc,
}
