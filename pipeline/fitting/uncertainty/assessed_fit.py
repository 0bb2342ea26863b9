"""Optima, and what several methods of uncertainty need of them; made for many fits at once."""

import functools
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Floats, Matrix, Vector
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.uncertainty.covariance import Covariance, covariance_of, propagate
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


class AssessedFits:
    """B optima of one kind, each of P parameters of which C are inner, and what several methods need of them.

    Of one kind are those of one model and layout of rows whose same parameters are free, at a bound and at
    the edge.

    Parameters
    ----------
    optima : sequence of Optimum
    rows : sequence of pairs
        Of each, the residual (R',) and its derivatives (F, R') in the free parameters.
    asked : UncertaintySection

    Attributes
    ----------
    at_bound, inner, matrix, repeatable
        As of every optimum, but that parameters at the edge are inner, too.
    theta : (B, P) array
    edge : (P,) array of bool
        Parameters held where f would turn negative.
    space : ResidualSpace
        Layout of the R rows that compare shares.
    residual, jacobian : (B, R) and (B, C, R) arrays
        Those rows.
    degrees : (B,) array
        Rows less effective parameters.
    covariance : Covariance
        Of the inner parameters, errors taken as independent.
    first_stage, beliefs : (B, C, C) arrays
        What first stages add to every covariance, and the covariance of the scores of beliefs.
    doubts : Doubts
        What is wrong with plain intervals.
    serials : list of SerialCorrelation
    checks : list of ResidualChecks
    """

    def __init__(
        self, optima: Sequence[Optimum], rows: Sequence[tuple[Vector, Matrix]], asked: UncertaintySection
    ) -> None:
        first = optima[0]
        self.asked, self.models = asked, [optimum.model for optimum in optima]
        self.names, self._vary = first.model.names, first.model.vary
        self.theta: Matrix = np.stack([optimum.theta for optimum in optima])
        self.matrix, self.repeatable = first.matrix, first.repeatable
        self.at_bound, self.edge = first.at_bound, first.at_bound == AT_EDGE
        self.inner: NDArray[np.bool_] = first.inner | self.edge
        self._seeds = [optimum.seed for optimum in optima]
        self.space: ResidualSpace = residual_space(first.model.data)
        residual, whole = (np.stack(arrays) for arrays in zip(*rows, strict=True))
        # Rows of priors stand behind those that compare shares: beliefs have no errors to learn from.
        data, inner = residual[:, : first.model.n_residuals], whole[:, self.inner[self._vary]]
        self.degrees: Vector = data.shape[1] - np.array([optimum.effective for optimum in optima])
        self.variance: Vector = np.vecdot(data, data) / np.where(self.degrees > 0, self.degrees, np.nan)
        # Not how far it went: what moves nothing but by rounding may have drifted anywhere.
        extent = np.stack([model.high - model.low for model in self.models])[:, self.inner]
        self.covariance: Covariance = covariance_of(inner, self.variance, extent)
        bounded = whole[:, (np.abs(self.at_bound) == 1)[self._vary]]
        self.doubts: Doubts = doubts(inner, bounded, self.covariance.stderr, self.variance, extent)
        believed = inner[:, :, data.shape[1] :]
        self.beliefs: Cube = self.variance[:, np.newaxis, np.newaxis] * (believed @ believed.mT)
        self.first_stage: Cube = np.zeros(self.beliefs.shape)
        if first.model.stages:
            parts = zip(self.models, self.theta, range(len(optima)), inner, strict=True)
            self.first_stage = np.stack(
                [
                    first_stage_covariance(model, theta, self.covariance[fit], own)
                    for model, theta, fit, own in parts
                ]
            )
        self.residual: Matrix = residual[:, : self.space.n_rows]
        self.jacobian: Cube = inner[:, :, : self.space.n_rows]
        self._check_residuals()

    def _check_residuals(self) -> None:
        """Measure how errors hang together over time, and test what is left."""
        # Directions that the data see come first; others are zero.
        spanned: Cube = self.covariance.basis.mT @ self.jacobian
        counts = self.covariance.rank
        self.serials: list[SerialCorrelation] = measure_serial_correlations(
            self.space, self.residual, spanned, counts
        )
        generators = [np.random.default_rng(self._stream(fit, _CHECKS)) for fit in range(len(self.theta))]
        self.checks: list[ResidualChecks] = check_residuals_together(
            self.space, self.residual, spanned, counts, self.jacobian, self.serials, generators
        )

    @functools.cached_property
    def serial_covariance(self) -> RobustCovariance:
        """Covariances under errors that hang together over time as measured."""
        return autoregressive(self.covariance, self.space, self.jacobian, self.serials, self.beliefs)

    @functools.cached_property
    def plain(self) -> Cube:
        """Covariances (B, Q, Q) of what is reported, errors taken as independent; not to be written to."""
        return self.reported(self.covariance.matrix)

    @functools.cached_property
    def correlated(self) -> Cube:
        """Those under errors that hang together over time; not to be written to."""
        return self.reported(self.serial_covariance.matrix)

    @functools.cached_property
    def seeds(self) -> NDArray[np.uint32 | np.uint64]:
        """Seeds (B, 2) of replicates and of draws from the posterior."""
        return np.array([self._stream(fit, _STREAM).generate_state(2) for fit in range(len(self.theta))])

    @functools.cached_property
    def replicates(self) -> list[Matrix]:
        """Bootstrap estimates of each fit, (replicates, Q)."""
        asked = self.asked
        if not asked.bootstrap:
            return [np.empty((0, len(self.matrix)))] * len(self.theta)
        from pipeline.fitting.uncertainty.refits.bootstrap import bootstrap

        return [
            bootstrap(
                model,
                theta,
                self.space,
                serial,
                count=asked.bootstrap,
                scheme=asked.scheme,
                block=asked.block,
                rng=np.random.default_rng(seed),
            )
            @ self.matrix.T
            for model, theta, serial, seed in zip(
                self.models, self.theta, self.serials, self.seeds[:, 0], strict=True
            )
        ]

    def _stream(self, fit: int, key: int) -> np.random.SeedSequence:
        seed = self._seeds[fit]
        return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key))

    def reported(self, covariance: Cube) -> Cube:
        """Covariances of what is reported, from those of the inner parameters given their first stages."""
        full = self.placed(covariance + self.first_stage, 0.0)
        unknown = self._vary & (~self.inner | self.edge)
        full[:, unknown, :] = np.nan
        full[:, :, unknown] = np.nan
        return propagate(full, self.matrix)

    def placed(self, inner: Cube, other: float) -> Cube:
        """Place matrices of the inner parameters (B, C, C) among all (B, P, P)."""
        count, places = self.theta.shape[1], np.flatnonzero(self.inner)
        full = np.full((len(inner), count, count), other)
        full[:, places[:, np.newaxis], places] = inner
        return full

    def flagged(self, inner: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Place flags of inner parameters (B, C) among all (B, P)."""
        flags = np.zeros(self.theta.shape, dtype=np.bool_)
        flags[:, self.inner] = inner
        return flags

    def around(self, covariance: Cube, degrees: Vector) -> Floats:
        """Intervals of Student's t around the estimates, (B, Q, L, 2), by their covariances (B, Q, Q)."""
        spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        levels = 0.5 + 0.5 * np.asarray(self.asked.levels)
        quantile = special.stdtrit(np.maximum(degrees, 1.0)[:, np.newaxis], levels)
        half = spread[..., np.newaxis] * quantile[:, np.newaxis]
        value = np.matvec(self.matrix, self.theta)[..., np.newaxis]
        return np.stack([value - half, value + half], axis=-1)


def assessed_fits(
    optima: Sequence[Optimum], asked: UncertaintySection
) -> list[tuple[list[int], AssessedFits]]:
    """Gather what methods need of many optima, those of one kind at once.

    Parameters
    ----------
    optima : sequence of Optimum
    asked : UncertaintySection
        Levels, replicates.

    Returns
    -------
    list of pairs
        Places among the optima, and the fits at these places.
    """
    rows = []
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, optimum in enumerate(optima):
        model = optimum.model
        residual = model.residual(optimum.theta)
        assert residual is not None, "a fit has finite residuals at its optimum"
        rows.append((residual, model.jacobian(optimum.theta)))
        free = model.vary.tobytes(), optimum.at_bound.tobytes(), optimum.inner.tobytes()
        reported = optimum.matrix.tobytes(), optimum.repeatable, len(model.stages)
        space = id(residual_space(model.data))
        alike[space, model.n_residuals, residual.size, model.names, *free, *reported].append(place)
    return [
        (places, AssessedFits([optima[place] for place in places], [rows[place] for place in places], asked))
        for places in alike.values()
    ]
