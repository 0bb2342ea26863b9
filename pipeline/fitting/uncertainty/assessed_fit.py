"""One optimum, and what several methods of uncertainty need of it; made for many fits at once."""

import functools
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.uncertainty.covariance import Covariance, covariances_of, propagate
from pipeline.fitting.uncertainty.optimum import AT_EDGE, Optimum
from pipeline.fitting.uncertainty.recommended import Doubts, doubts
from pipeline.fitting.uncertainty.residual_checks import ResidualChecks, check_residuals_together
from pipeline.fitting.uncertainty.residual_space import ResidualSpace, residual_space
from pipeline.fitting.uncertainty.robust import RobustCovariance, autoregressive
from pipeline.fitting.uncertainty.serial import SerialCorrelation, measure_serial_correlations
from pipeline.fitting.uncertainty.two_step import first_stage_covariance

# Keeps the random numbers of replicates apart from those of starting points ...
_STREAM = 0x0B00
# ... and those of the tests of residuals apart from both.
_CHECKS = 0x0C00


class AssessedFit:
    """One optimum of P parameters of which C are inner, and what several methods need of it.

    Attributes
    ----------
    model, theta, at_bound, inner, matrix, repeatable
        As of the optimum.
    asked : UncertaintySection
    edge : (P,) array of bool
        Parameters held where f would turn negative.
    space : ResidualSpace
        Layout of the R rows that compare shares.
    residual, jacobian : (R,) and (C, R) arrays
        Those rows.
    degrees : float
        Rows less effective parameters.
    covariance : Covariance
        Of the inner parameters, errors taken as independent.
    first_stage, beliefs : (C, C) arrays
        What first stages add to every covariance, and the covariance of the scores of beliefs.
    doubts : Doubts
        What is wrong with plain intervals.
    serial : SerialCorrelation
    checks : ResidualChecks
    """

    covariance: Covariance
    first_stage: Matrix
    beliefs: Matrix
    doubts: Doubts
    serial: SerialCorrelation
    checks: ResidualChecks

    def __init__(self, optimum: Optimum, asked: UncertaintySection) -> None:
        model, theta = optimum.model, optimum.theta
        self.model, self.theta, self.matrix = model, theta, optimum.matrix
        self.at_bound, self.edge = optimum.at_bound, optimum.at_bound == AT_EDGE
        self.inner: NDArray[np.bool_] = optimum.inner | self.edge
        self.repeatable, self.asked, self._seed = optimum.repeatable, asked, optimum.seed
        residual = model.residual(theta)
        assert residual is not None, "a fit has finite residuals at its optimum"
        self._whole = model.jacobian(theta)
        self.rows: Matrix = self._whole[self.inner[model.vary]]
        # Rows of priors stand behind those that compare shares: beliefs have no errors to learn from.
        data = residual[: model.n_residuals]
        self.degrees = float(data.size - optimum.effective)
        self.variance = float(data @ data) / self.degrees if self.degrees > 0 else np.nan
        # Not how far it went: what moves nothing but by rounding may have drifted anywhere.
        self.extent: Vector = (model.high - model.low)[self.inner]
        self.space: ResidualSpace = residual_space(model.data)
        self.residual: Vector = residual[: self.space.n_rows]
        self.jacobian: Matrix = self.rows[:, : self.space.n_rows]

    def take(self, covariance: Covariance) -> None:
        """Take the covariance of the inner parameters, and what follows from it."""
        model, rows = self.model, self.rows
        self.covariance = covariance
        bounded = (np.abs(self.at_bound) == 1)[model.vary]
        self.first_stage = first_stage_covariance(model, self.theta, covariance, rows)
        self.doubts = doubts(rows, self._whole[bounded], covariance.stderr, self.variance, self.extent)
        believed = rows[:, model.n_residuals :]
        self.beliefs = self.variance * (believed @ believed.T)
        del self.rows, self._whole

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

    @functools.cached_property
    def seeds(self) -> NDArray[np.uint32 | np.uint64]:
        """Seeds (2,) of replicates and of draws from the posterior."""
        return self._stream(_STREAM).generate_state(2)

    @functools.cached_property
    def replicates(self) -> Matrix:
        """Bootstrap estimates (B, Q)."""
        asked = self.asked
        if not asked.bootstrap:
            return np.empty((0, len(self.matrix)))
        from pipeline.fitting.uncertainty.refits.bootstrap import bootstrap

        values = bootstrap(
            self.model,
            self.theta,
            self.space,
            self.serial,
            count=asked.bootstrap,
            scheme=asked.scheme,
            block=asked.block,
            rng=np.random.default_rng(self.seeds[0]),
        )
        return values @ self.matrix.T

    def rng_of_checks(self) -> np.random.Generator:
        """Give the random numbers of the tests of residuals."""
        return np.random.default_rng(self._stream(_CHECKS))

    def _stream(self, key: int) -> np.random.SeedSequence:
        seed = self._seed
        return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key))

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


def assessed_fits(optima: Sequence[Optimum], asked: UncertaintySection) -> list[AssessedFit]:
    """Gather what methods need of many optima, those of one layout at once.

    Parameters
    ----------
    optima : sequence of Optimum
    asked : UncertaintySection
        Levels, replicates.
    """
    fits = [AssessedFit(optimum, asked) for optimum in optima]
    alike: dict[tuple[int, ...], list[AssessedFit]] = defaultdict(list)
    for fit in fits:
        alike[id(fit.space), *fit.rows.shape].append(fit)
    for some in alike.values():
        _measure(some)
    return fits


def _measure(fits: Sequence[AssessedFit]) -> None:
    """Give fits of one layout and number of parameters their covariances, and measure their residuals."""
    space, rows = fits[0].space, np.stack([fit.rows for fit in fits])
    variance = np.array([fit.variance for fit in fits])
    covariances = covariances_of(rows, variance, np.stack([fit.extent for fit in fits]))
    for fit, covariance in zip(fits, covariances, strict=True):
        fit.take(covariance)
    residual = np.stack([fit.residual for fit in fits])
    jacobian: Cube = rows[:, :, : space.n_rows]
    # Directions that the data see come first; others are zero.
    spanned: Cube = np.stack([covariance.filled_basis for covariance in covariances]).mT @ jacobian
    counts = np.array([covariance.rank for covariance in covariances], dtype=np.int64)
    serials = measure_serial_correlations(space, residual, spanned, counts)
    generators = [fit.rng_of_checks() for fit in fits]
    checks = check_residuals_together(space, residual, spanned, counts, jacobian, serials, generators)
    for fit, serial, check in zip(fits, serials, checks, strict=True):
        fit.serial, fit.checks = serial, check
