"""How far the estimates of one fit can be trusted: weak directions, intervals, bootstrap replicates."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import OF_ERRORS, of_firm
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.response_edge import AT_EDGE
from pipeline.fitting.uncertainty.bootstrap import bootstrap, percentile_intervals
from pipeline.fitting.uncertainty.covariance import Covariance, covariance_of, propagate
from pipeline.fitting.uncertainty.profile import profile_intervals
from pipeline.fitting.uncertainty.recommended import Doubts, doubts, settled, widened
from pipeline.fitting.uncertainty.residual_checks import check_residuals
from pipeline.fitting.uncertainty.residual_space import ResidualSpace, residual_space
from pipeline.fitting.uncertainty.restricted import slow_intervals
from pipeline.fitting.uncertainty.robust import RobustCovariance, autoregressive, newey_west
from pipeline.fitting.uncertainty.serial import SerialCorrelation, measure_serial_correlation
from pipeline.fitting.uncertainty.two_step import first_stage_covariance, hausman_t
from pipeline.fitting.uncertainty.weak_directions import N_DIRECTIONS, weak_directions
from pipeline.models.market_model import MarketModel
from pipeline.store.format.catalogue import RECOMMENDED

# Keeps the random numbers of replicates apart from those of starting points ...
_STREAM = 0x0B00
# ... and those of the tests of residuals apart from both.
_CHECKS = 0x0C00


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


def assess_uncertainty(
    model: MarketModel,
    theta: Vector,
    inner: NDArray[np.bool_],
    matrix: Matrix,
    asked: UncertaintySection,
    seed: np.random.SeedSequence,
    n_effective: float,
    at_bound: NDArray[np.int8] | None = None,
    repeatable: bool = True,
) -> Uncertainty:
    """Assess one fit.

    Parameters
    ----------
    model : MarketModel
        Of P parameters.
    theta : (P,) array
        Its optimum.
    inner : (P,) array of bool
        Parameters that are free, not at a bound, and not tied to others.
    matrix : (Q, P) array
        Takes ``theta`` to what is reported.
    asked : UncertaintySection
        Methods, levels, replicates.
    seed : SeedSequence
        Of the fit.
    n_effective : float
        Parameters that the fit used up; those drawn to a prior count in part.
    at_bound : (P,) array of int8, optional
        As in `pipeline.fitting.record.FitRecord`. Parameters held where f would turn negative (2) have no
        standard error or interval. Those of the others are not conditional on them, which would be far too
        short where they trade off, as the level of f and returns to scale do; and they do not come from
        refits, which stop at the edge wherever they come upon it.
    repeatable : bool
        Whether refits by least squares within bounds are of the kind that made the optimum.
    """
    at_bound = np.zeros(theta.size, dtype=np.int8) if at_bound is None else at_bound
    edge = at_bound == AT_EDGE
    fit = _Fit(model, theta, inner | edge, matrix, asked, seed, n_effective, at_bound)
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
    recommended, trusted = _recommend(fit, repeatable and "recommended" in asked.methods)
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
        hausman_t=hausman_t(model, theta, fit.inner, fit.serial_covariance.matrix),
        statistic={
            "rank": float(fit.covariance.rank),
            "condition": fit.covariance.condition,
            "autocorrelation": fit.serial.coefficient,
            **fit.checks.statistic,
        },
    )


class _Fit:
    """One optimum, and what several methods need of it."""

    def __init__(
        self,
        model: MarketModel,
        theta: Vector,
        inner: NDArray[np.bool_],
        matrix: Matrix,
        asked: UncertaintySection,
        seed: np.random.SeedSequence,
        n_effective: float,
        at_bound: NDArray[np.int8],
    ) -> None:
        self.at_bound, self.edge = at_bound, at_bound == AT_EDGE
        self.model, self.theta, self.inner, self.matrix, self.asked = model, theta, inner, matrix, asked
        residual = model.residual(theta)
        assert residual is not None, "a fit has finite residuals at its optimum"
        whole = model.jacobian(theta)
        jacobian = whole[inner[model.vary]]
        # Rows of priors stand behind those that compare shares: beliefs have no errors to learn from.
        data = residual[: model.n_residuals]
        self.degrees = float(data.size - n_effective)
        variance = float(data @ data) / self.degrees if self.degrees > 0 else np.nan
        # Not how far it went: what moves nothing but by rounding may have drifted anywhere.
        extent = (model.high - model.low)[inner]
        self.covariance: Covariance = covariance_of(jacobian, variance, extent)
        bounded = (np.abs(at_bound) == 1)[model.vary]
        self.first_stage: Matrix = first_stage_covariance(model, theta, self.covariance, jacobian)
        self.doubts: Doubts = doubts(jacobian, whole[bounded], self.covariance.stderr, variance, extent)
        believed = jacobian[:, model.n_residuals :]
        self.beliefs: Matrix = variance * (believed @ believed.T)
        self.space: ResidualSpace = residual_space(model.data)
        self.residual, self.jacobian = residual[: self.space.n_rows], jacobian[:, : self.space.n_rows]
        spanned = self.covariance.basis.T @ jacobian
        spanned = spanned[:, : self.space.n_rows]
        self.serial: SerialCorrelation = measure_serial_correlation(self.space, self.residual, spanned)
        checks = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, _CHECKS))
        self.checks = check_residuals(
            self.space, self.residual, spanned, self.jacobian, self.serial, np.random.default_rng(checks)
        )
        self._seeds = np.random.SeedSequence(
            seed.entropy, spawn_key=(*seed.spawn_key, _STREAM)
        ).generate_state(2)
        self.replicates = self._bootstrap()

    @functools.cached_property
    def serial_covariance(self) -> RobustCovariance:
        """Covariance under errors that hang together over time as measured."""
        return autoregressive(self.covariance, self.space, self.jacobian, self.serial, self.beliefs)

    @functools.cached_property
    def plain(self) -> Matrix:
        """Covariance (Q, Q) of what is reported, errors taken as independent; not to be written to."""
        return self.reported(self.covariance.matrix)

    @functools.cached_property
    def correlated(self) -> Matrix:
        """That under errors that hang together over time; not to be written to."""
        return self.reported(self.serial_covariance.matrix)

    def _bootstrap(self) -> Matrix:
        asked = self.asked
        if not asked.bootstrap:
            return np.empty((0, len(self.matrix)))
        values = bootstrap(
            self.model,
            self.theta,
            self.space,
            self.serial,
            count=asked.bootstrap,
            scheme=asked.scheme,
            block=asked.block,
            rng=np.random.default_rng(self._seeds[0]),
        )
        return values @ self.matrix.T

    def reported(self, covariance: Matrix) -> Matrix:
        """Covariance of what is reported, from that of the inner parameters given their first stages."""
        full = np.zeros((self.theta.size, self.theta.size))
        full[np.ix_(self.inner, self.inner)] = covariance + self.first_stage
        unknown = self.model.vary & (~self.inner | self.edge)
        full[unknown, :] = np.nan
        full[:, unknown] = np.nan
        return propagate(full, self.matrix)

    def flagged(self, inner: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Place flags of inner parameters among all (P,)."""
        flags = np.zeros(self.theta.size, dtype=np.bool_)
        flags[self.inner] = inner
        return flags

    def around(self, covariance: Matrix, degrees: float) -> NDArray[np.float64]:
        """Intervals of Student's t around the estimates, (Q, L, 2), by the covariance (Q, Q) of these."""
        spread = np.sqrt(np.diag(covariance))
        quantile = special.stdtrit(max(degrees, 1.0), 0.5 + 0.5 * np.asarray(self.asked.levels))
        half = spread[:, None] * quantile
        value = (self.matrix @ self.theta)[:, None]
        return np.stack([value - half, value + half], axis=-1)


def _covariance(fit: _Fit) -> NDArray[np.float64]:
    return fit.around(fit.plain, fit.degrees)


def _hac(fit: _Fit) -> NDArray[np.float64]:
    robust = newey_west(fit.covariance, fit.space, fit.jacobian, fit.residual, beliefs=fit.beliefs)
    return fit.around(fit.reported(robust.matrix), robust.degrees)


def _autoregressive(fit: _Fit) -> NDArray[np.float64]:
    return fit.around(fit.correlated, fit.serial_covariance.degrees)


def _own(fit: _Fit, ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place ends of the parameters themselves; what is put together from several has none."""
    reported = np.full((len(fit.matrix), *ends.shape[1:]), np.nan)
    reported[: len(ends)] = ends
    return reported


def _stderr(fit: _Fit) -> Vector:
    return np.sqrt(np.diag(_inner_covariance(fit)))


def _profile(fit: _Fit) -> NDArray[np.float64]:
    levels = fit.asked.levels
    return _own(fit, profile_intervals(fit.model, fit.theta, _inner_covariance(fit), levels, fit.degrees))


def _percentile(fit: _Fit) -> NDArray[np.float64]:
    ends = percentile_intervals(fit.replicates, fit.asked.levels)
    # What never changes is fixed, or undetermined in every replicate.
    known = np.isfinite(np.diag(fit.plain))
    free = np.zeros(fit.theta.size, dtype=bool)
    free[fit.model.vary & ~fit.inner] = True
    at_bound = (fit.matrix[:, free] != 0.0).any(axis=1)
    ends[~(known | at_bound)] = np.nan
    return ends


def _mcmc(fit: _Fit) -> NDArray[np.float64]:
    from pipeline.fitting.uncertainty.mcmc import posterior_intervals

    seed, levels = int(fit._seeds[1]), fit.asked.levels
    return _own(fit, posterior_intervals(fit.model, fit.theta, _stderr(fit), fit.asked.mcmc, levels, seed))


# Methods that fit again, and stop where f would be negative.
_REFITS = ("profile", "bootstrap", "mcmc")


def _recommend(fit: _Fit, refits: bool) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Choose the method of every reported parameter; give the intervals (Q, L, 2) of that method."""
    names = np.full(len(fit.matrix), "fixed", dtype=object)
    ends = _autoregressive(fit)
    stderr = np.sqrt(np.diag(fit.plain))
    names[stderr > 0.0] = "autoregressive"
    own = names[: fit.theta.size]
    own[fit.inner & ~(stderr[: fit.theta.size] > 0.0)] = "undetermined"
    doubtful, wide = fit.flagged(fit.doubts.leaning | fit.doubts.wide), fit.flagged(fit.doubts.wide)
    # Of levels of single firms there are many; a profile of each would cost more than the fit.
    effects = np.array([of_firm(name) for name in fit.model.names])
    doubtful |= fit.flagged(fit.doubts.weak) & ~effects
    doubtful &= own == "autoregressive"
    refits &= not fit.edge.any()
    if refits:
        effects |= np.array([name in OF_ERRORS for name in fit.model.names])
        doubtful &= ~_correct(fit, (own == "autoregressive") & ~effects & ~wide, own, ends)
    if doubtful.any():
        _settle(fit, doubtful, own, ends, refits)
    own[fit.at_bound != 0] = "at bound"
    # What is put together from several is as good as the worst of them.
    for row in range(fit.theta.size, len(names)):
        parts = set(own[fit.matrix[row] != 0.0].tolist())
        names[row] = next((word for word in ("undetermined", "at bound") if word in parts), names[row])
    ends[(names != "autoregressive") & (names != "profile")] = np.nan
    return np.array([RECOMMENDED.index(name) for name in names], dtype=np.int8), ends


def _correct(
    fit: _Fit, chosen: NDArray[np.bool_], names: NDArray[np.object_], ends: NDArray[np.float64]
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
    fit: _Fit,
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


def _profile_of(fit: _Fit, chosen: NDArray[np.bool_], both: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Profile intervals of some parameters, widened for correlated errors; of some both ends or none."""
    covariance, levels = _inner_covariance(fit), fit.asked.levels
    covariance[~chosen, ~chosen] = np.nan
    return profile_intervals(fit.model, fit.theta, covariance, levels, fit.degrees, _widening(fit), both)


def _inner_covariance(fit: _Fit) -> Matrix:
    """Plain covariance (P, P) of the inner parameters; nan for others."""
    covariance = np.full((fit.theta.size, fit.theta.size), np.nan)
    covariance[np.ix_(fit.inner, fit.inner)] = fit.covariance.matrix
    return covariance


def _widening(fit: _Fit) -> Vector:
    """Autoregressive over plain standard errors (P,), for quantiles of profiles."""
    plain = _stderr(fit)
    robust = np.sqrt(np.diag(fit.correlated))[: plain.size]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(robust > 0.0, robust / plain, 1.0)


_METHODS: Mapping[str, Callable[[_Fit], NDArray[np.float64]]] = {
    "covariance": _covariance,
    "hac": _hac,
    "autoregressive": _autoregressive,
    "profile": _profile,
    "bootstrap": _percentile,
    "mcmc": _mcmc,
}
