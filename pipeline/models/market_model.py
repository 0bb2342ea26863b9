"""One model on one market: the place where labels meet bare kernels."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.batch import BatchFit, fit_batch
from kernels.least_squares.batch_inputs import CheckedMarkets, checked_markets
from kernels.least_squares.market import moving_firms
from kernels.least_squares.residual import (
    INVESTMENT,
    NON_FINITE_RESIDUAL,
    OK,
    PROPORTIONAL,
    SCALED,
    MarketData,
    MarketWorkspace,
    make_market_workspace,
    n_observations,
    observed_target,
    prepare_market,
    residual_jacobian,
    simulate_market,
)
from kernels.least_squares.whitening import make_whitening
from kernels.numeric.arrays import Cube, Matrix, Vector
from kernels.response.evaluate import OK as FINITE
from kernels.response.evaluate import evaluate
from kernels.response.response import Response
from pipeline.config.parameters import AUTOCORRELATION, ENTRY, GAIN, control_parameter
from pipeline.config.variants import Variant
from pipeline.models.adjustment import adjustment_rate
from pipeline.models.composing.quantities import MarketParameter
from pipeline.models.experiments.replicas import fit_tested
from pipeline.models.experiments.rows import ExperimentRows
from pipeline.models.instruments.first_stage import FirstStage
from pipeline.models.noise import Noise
from pipeline.models.terms import with_terms
from pipeline.panel.market import MarketArrays

GAMMA_FORM = {"investment": INVESTMENT, "proportional": PROPORTIONAL, "scaled": SCALED}


class MarketModel:
    """A least-squares problem: one variant on some periods of one market.

    Parameters
    ----------
    variant : Variant
    response : Response
        Composed for this market.
    quantities : sequence of MarketParameter
        All P parameters in the order of the kernels.
    data : MarketData
        Periods to fit.
    efforts : tuple of str
        Names of the efforts of the study, without those of further terms.
    stages : tuple of FirstStage
        Of endogenous efforts, in the order of the variant.

    Attributes
    ----------
    names : tuple of str
    lower, upper, start, low, high : (P,) arrays
    vary : (P,) array of bool
    column : (P,) array of int64
        Row of each parameter in the Jacobian, -1 when fixed.
    n_residuals : int
        Rows that compare data; those of priors follow them, and those of experiments these.
    prior_mean, prior_weight : (P,) arrays
        See `set_prior`.
    noise_found : callable or None
        Finds the noise that a fit left; None before.
    error_shape : (N, N) array
        Covariance of the errors of log shares, in units of the rows that compare data.
    experiments : ExperimentRows or None
        Of the periods to fit. They have no rows until they are given the deviation of residuals.
    covariance : (P, P) array or None
        Of its parameters by the most trusted intervals, set by a fit; nan for what is not determined.
    """

    def __init__(
        self,
        variant: Variant,
        response: Response,
        quantities: tuple[MarketParameter, ...],
        data: MarketData,
        efforts: tuple[str, ...] = (),
        stages: tuple[FirstStage, ...] = (),
    ) -> None:
        self.variant, self.response, self.quantities = variant, response, quantities
        self.efforts, self.stages = efforts, stages
        self.names = tuple(q.name for q in quantities)
        numbers = np.array([(q.lower, q.upper, q.start, q.low, q.high) for q in quantities])
        self.lower, self.upper, self.start, self.low, self.high = np.ascontiguousarray(numbers.T)
        self.vary, self.column = _free(tuple(q.vary for q in quantities))
        self.gamma_form = GAMMA_FORM[variant.form]
        self.n_free = int(self.column.max(initial=-1)) + 1
        self.n_residuals = int(n_observations(data))
        self._status = OK
        self.noise_found: Callable[[], Noise] | None = None
        self.experiments: ExperimentRows | None = None
        self.covariance: Matrix | None = None
        self.error_shape = np.eye(data.active.shape[1])
        self.prior_mean, self.prior_weight = np.zeros((2, len(quantities)))
        self.observe(data, observed_target(data))

    def observe(self, data: MarketData, target: Vector) -> None:
        """Compare with other shares of the same firms and periods: the market, and its rows (R,)."""
        self.data, self.target = data, target
        self._work: MarketWorkspace | None = None
        self._batched: tuple[MarketData, CheckedMarkets] | None = None
        self._simulated: tuple[MarketData, bytes, Matrix | None] | None = None
        self._of_f: tuple[bytes, tuple[Matrix, Cube] | None] | None = None
        #: See `pipeline.fitting.search.many_models`.
        self.batch_key: Hashable | None = None
        self.set_prior(self.prior_mean, self.prior_weight)

    def set_prior(self, mean: Vector, weight: Vector) -> None:
        """Add rows ``weight (theta - mean)`` for the free parameters with a positive weight; both (P,)."""
        self.prior_mean = np.ascontiguousarray(mean)
        self.prior_weight = np.where(self.vary, weight, 0.0)
        rows = self.n_residuals + int((self.prior_weight > 0.0).sum())
        self._forget()
        self._residual = np.empty(rows)
        self._jacobian = np.empty((self.n_free, rows))

    def weigh(self, covariance: Matrix) -> None:
        """Whiten the rows that compare data by a covariance (N, N) of the errors of log shares.

        Scaled as `kernels.least_squares.whitening.scaled_covariance` does it.
        """
        self.data = self.data._replace(whitening=make_whitening(covariance, moving_firms(self.data.active)))
        self.error_shape, self.batch_key = covariance, None
        self._forget()

    def weigh_experiments(self, deviation: float) -> None:
        """Measure experiments in a deviation of the residuals that compare data; 0: leave them out."""
        self._forget()
        if self.experiments is not None:
            self.experiments.deviation = deviation

    def _forget(self) -> None:
        """Take residuals and derivatives for those of another problem."""
        self._point: bytes | None = None
        #: Effective parameters at the last point; None: not counted yet. See `pipeline.models.priors`.
        self.effective: float | None = None

    @property
    def noise(self) -> Noise | None:
        """What its errors are like; None before a fit. Only forecasts ask, so it waits until they do."""
        return None if self.noise_found is None else self.noise_found()

    @property
    def tested(self) -> bool:
        """Whether experiments have rows."""
        return self.experiments is not None and self.experiments.deviation > 0.0

    def residual(self, theta: Vector) -> Vector | None:
        """Return the residuals, shape (R,): shares, priors, experiments; None where there are none."""
        self.evaluate(theta)
        if self._status != OK:
            return None
        return np.concatenate([self._residual, self._further[0]]) if self.tested else self._residual.copy()

    def jacobian(self, theta: Vector) -> Matrix:
        """Return the derivatives of the residuals in the free parameters, shape (free, R)."""
        self.evaluate(theta)
        if not self.tested:
            return self._jacobian.copy()
        return np.concatenate([self._jacobian, self._further[1]], axis=1)

    def _scratch(self) -> MarketWorkspace:
        """Scratch for the derivatives in the free parameters, made once."""
        if self._work is None:
            self._work = self._workspace(self.data, self.n_free)
        return self._work

    def _workspace(self, data: MarketData, n_columns: int) -> MarketWorkspace:
        work = make_market_workspace(self.response.spec, data, n_columns)
        prepare_market(self.response.spec, data, work)
        return work

    def _problem(self) -> tuple[Any, ...]:
        """First arguments of `residual_jacobian`."""
        weights = self.prior_mean, self.prior_weight
        return self.response.spec, self.data, self.target, *weights, self.gamma_form

    def evaluate(self, theta: Vector) -> None:
        """Compute residuals and derivatives at a point, unless it is the last one that was asked for."""
        key = theta.tobytes()
        if key == self._point:
            return
        self._point, self.effective = key, None
        point, work = np.ascontiguousarray(theta), self._scratch()
        out = self._residual, self._jacobian
        self._status = residual_jacobian(*self._problem(), point, self.column, work, *out)
        self._further = np.empty(0), np.empty((self.n_free, 0))
        if self.experiments is not None and self._status == OK:
            rows = self.experiments.rows(theta)
            self._status, self._further = (OK, rows) if rows else (NON_FINITE_RESIDUAL, self._further)

    def market_function(self, theta: Vector) -> tuple[Matrix, Cube] | None:
        """Give f (T, N), nan for absent firms, and its derivatives (C, T, N) in the free parameters.

        Not to be written to; None where they are not finite.
        """
        key = theta.tobytes()
        if self._of_f is None or self._of_f[0] != key:
            shape, data, spec = self.data.active.shape, self.data, self.response.spec
            inputs = spec, data.efforts, data.active, data.duration, self._scratch().response
            found = np.empty(shape), np.zeros((self.n_free, *shape))
            status = evaluate(*inputs, np.ascontiguousarray(theta), self.column, *found)
            self._of_f = key, found if status == FINITE else None
        return self._of_f[1]

    def mean_rate(self, theta: Vector, share: Matrix) -> float:
        """Average over the fitted periods how fast shares (T, N), nan for absent firms, adjust, per period.

        nan where f is not finite.
        """
        found, data = self.market_function(theta), self.data
        if found is None:
            return np.nan
        jump_price, returns_to_scale = theta[self.response.spec.n_parameters :][:2].tolist()
        fitted = slice(data.first, len(data.active))
        rate = adjustment_rate(
            found[0][fitted],
            share[fitted],
            data.total_sales[fitted],
            jump_price=jump_price,
            returns_to_scale=returns_to_scale,
            reference_sales=float(data.reference_sales),
        )
        length = data.duration[fitted]
        return float(rate @ length / length.sum())

    def fit_many(
        self,
        starts: Matrix,
        *,
        max_evaluations: int,
        data: MarketData | None = None,
        targets: Matrix | None = None,
        lower: Matrix | None = None,
        upper: Matrix | None = None,
        cost_tolerance: float = 1e-10,
        promise_tolerance: float = 0.0,
        luck: Matrix | None = None,
    ) -> BatchFit:
        """Fit many variations of the problem at once.

        Parameters
        ----------
        starts : (B, P) array
            Starting values of all parameters.
        max_evaluations : int
            For each.
        data : MarketData, optional
            A market for each, arrays with a leading axis; by default this one for all.
        targets : (B, R) array, optional
            What each is compared with; by default the observed shares of its market.
        lower, upper : (B, P) arrays, optional
            Bounds of each; a parameter with equal ones is held.
        cost_tolerance : float
            A fit ends where its cost falls by less than this part.
        promise_tolerance : float
            And where its local model promises to lower the cost by less than this part.
        luck : (B, E) array, optional
            Errors of experiments made anew, in standard errors, around what they give at the starts; by
            default all are as measured.
        """
        if self.tested:
            return fit_tested(
                self,
                starts,
                (lower, upper),
                data,
                targets,
                luck,
                max_evaluations=max_evaluations,
                cost_tolerance=cost_tolerance,
                promise_tolerance=promise_tolerance,
            )
        index: NDArray[np.int64] | None = None
        if targets is None and data is None:
            # The same rows for all.
            targets, index = self.target[np.newaxis], np.zeros(len(starts), dtype=np.int64)
        return fit_batch(
            self.response.spec,
            self._checked() if data is None else data,
            starts,
            self.lower if lower is None else lower,
            self.upper if upper is None else upper,
            vary=self.vary,
            gamma_form=self.gamma_form,
            targets=targets,
            target_index=index,
            prior_mean=self.prior_mean,
            prior_weight=self.prior_weight,
            max_evaluations=max_evaluations,
            cost_tolerance=cost_tolerance,
            promise_tolerance=promise_tolerance,
        )

    def _checked(self) -> CheckedMarkets:
        """Give the market as batches take it, checked once."""
        if self._batched is None or self._batched[0] is not self.data:
            self._batched = self.data, checked_markets(self.data)
        return self._batched[1]

    def shares(self, theta: Vector, data: MarketData | None = None) -> Matrix | None:
        """Simulate shares at the end of every period, shape (T, N); None where the model cannot be evaluated.

        Parameters
        ----------
        theta : (P,) array
            All parameters.
        data : MarketData, optional
            Other periods of the same market, made from what `prepared` gives; by default those fitted.
        """
        if data is not None:
            none = np.full(self.column.size, -1, dtype=np.int64)
            return self._simulate(theta, data, self._workspace(data, 0), none)
        known, key = self._simulated, theta.tobytes()
        if known is None or known[0] is not self.data or known[1] != key:
            # Derivatives that are not asked for take less time than another scratch.
            known = self.data, key, self._simulate(theta, self.data, self._scratch(), self.column)
            self._simulated = known
        return None if known[2] is None else known[2].copy()

    def _simulate(
        self, theta: Vector, data: MarketData, work: MarketWorkspace, column: NDArray[np.int64]
    ) -> Matrix | None:
        share = np.empty(data.active.shape)
        status = simulate_market(self.response.spec, data, self.gamma_form, theta, column, work, share)
        return share if status == OK else None

    @property
    def entries(self) -> NDArray[np.intp]:
        """(E,) positions of the errors of first shares, in the order of entries."""
        return np.flatnonzero([name.startswith(f"{ENTRY}.") for name in self.names])

    @property
    def controls(self) -> NDArray[np.intp]:
        """(E,) positions of the coefficients of controls."""
        return np.array([self.names.index(control_parameter(one.effort)) for one in self.stages], np.intp)

    def gain(self, theta: Vector) -> float:
        """Give the gain of a common period; 0 where no period begins at a corrected state."""
        return float(theta[self.names.index(GAIN)]) if self.data.corrected else 0.0

    def spread(self, theta: Vector) -> Vector:
        """Give how large the errors of each period are in those of a common one, (T,)."""
        work = self._scratch()
        if not work.uneven[0]:
            return np.ones(len(self.data.active))
        # Others may have written into the scratch since.
        self._forget()
        self.evaluate(theta)
        if self._status != OK:
            return np.ones(len(self.data.active))
        return np.exp(work.log_spread)

    def common_row(self, theta: Vector) -> float:
        """Give the factor on the rows of a common period: the geometric mean of the spread over all rows."""
        rows = np.maximum(moving_firms(self.data.active).sum(axis=1) - 1, 0)
        rows[: self.data.first] = 0
        return float(np.exp(rows @ np.log(self.spread(theta)) / max(rows.sum(), 1)))

    def autocorrelation(self, theta: Vector) -> float:
        """Give the autocorrelation of the errors of a parameter vector; 0 where it is no parameter."""
        return float(theta[self.names.index(AUTOCORRELATION)]) if self.data.serial else 0.0

    def prepared(self, market: MarketArrays) -> MarketArrays:
        """Give all periods of the market, not only those fitted, the inputs of the model's further terms."""
        return with_terms(self.variant, market, self.efforts)[0]


@functools.lru_cache(maxsize=64)
def _free(vary: tuple[bool, ...]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Give what varies, (P,), and the row of each parameter in a Jacobian; not to be written to."""
    flags = np.array(vary, dtype=np.bool_)
    return flags, np.where(flags, np.cumsum(flags) - 1, -1).astype(np.int64)
