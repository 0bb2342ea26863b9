"""What one calibration came to, as a frozen record."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import moving_firms
from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import CONSTANT
from pipeline.config.sections.fit import FitSection
from pipeline.fitting.experiments import FittedExperiments, fitted_experiments
from pipeline.fitting.polish import Polished
from pipeline.fitting.response_edge import AT_EDGE, edge_parameters
from pipeline.fitting.uncertainty.covariance import correlation_of
from pipeline.fitting.uncertainty.persistence import mean_rate
from pipeline.models.market_model import MarketModel
from pipeline.models.one_step import shares_of_all_periods
from pipeline.models.priors import n_effective
from pipeline.panel.market import MarketArrays
from pipeline.status import Status
from pipeline.validation.scores import fit_rmse

if TYPE_CHECKING:
    from pipeline.fitting.uncertainty.assess import Uncertainty
# Two starts reached the same optimum when their costs differ by less than this, relative.
_AGREE = 1e-6
# A parameter is at a bound when it is this close to it, relative to the size of its sampling box.
_AT_BOUND = 1e-6


@dataclass(frozen=True, slots=True)
class FitRecord:
    """What one calibration came to.

    Attributes
    ----------
    status
        What became of it; when it is not usable the arrays are empty.
    names
        What ``value`` holds.
    value, stderr, at_bound
        (Q,) estimates; their standard errors (nan where the data do not determine them, or at a bound); and
        -1 for the lower bound, 1 for the upper bound, 2 where f would be negative beyond, 0 between.
    correlation
        (Q, Q) of the estimates.
    statistic
        By the names in `pipeline.store.format.layout.STATISTIC_NAMES`.
    start_cost
        (S,) cost that screening reached from each start.
    share
        (T, N) modelled shares over all periods of the market; nan after the fitted ones where the model
        cannot be evaluated further, an effort ahead making f negative.
    uncertainty
        Intervals, replicates and weak directions; None when the fit is not usable.
    model, theta
        The least-squares problem that was solved, with its noise, and all its (P,) parameters; None when not
        usable.
    message
        What the optimiser said.
    """

    status: Status
    names: tuple[str, ...] = ()
    value: Vector = field(default_factory=lambda: np.empty(0))
    stderr: Vector = field(default_factory=lambda: np.empty(0))
    at_bound: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))
    correlation: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    statistic: Mapping[str, float] = field(default_factory=dict)
    start_cost: Vector = field(default_factory=lambda: np.empty(0))
    share: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    experiments: FittedExperiments = field(default_factory=FittedExperiments)
    uncertainty: "Uncertainty | None" = None
    model: MarketModel | None = None
    theta: Vector = field(default_factory=lambda: np.empty(0))
    message: str = ""

    @property
    def first_stage_f(self) -> Vector:
        """(E,) F of the instruments of each endogenous effort."""
        return np.array([stage.f_statistic for stage in self.model.stages] if self.model else [])


def record_of(
    model: MarketModel,
    market: MarketArrays,
    polished: Polished,
    edge: NDArray[np.bool_] | None,
    start_cost: Vector,
    fit: FitSection,
    dependent: list[str],
    began: float,
    assess: Callable[..., "Uncertainty"],
) -> FitRecord:
    """Make the record of a fit.

    Parameters
    ----------
    model : MarketModel
        With its noise; gets the covariance of its parameters.
    market : MarketArrays
        All its periods.
    polished : Polished
        The optimum.
    edge : (P,) array of bool
        Parameters that f >= 0 holds there, see `pipeline.fitting.response_edge`; None: not looked for yet.
    start_cost : (S,) array
        Of the starts.
    fit : FitSection
        What was asked.
    dependent : list of str
        Parameters that follow from others.
    began : float
        When it began, by `time.perf_counter`.
    assess : callable
        `pipeline.fitting.uncertainty.assess.assess_uncertainty` with what was asked of it.
    """
    theta = polished.theta
    residual = model.residual(theta)
    share = shares_of_all_periods(model, theta, market, fit.initial)
    if residual is None or share is None:
        return FitRecord(Status.NOT_FINITE, start_cost=start_cost, message=polished.message)
    edge = edge_parameters(model, theta) if edge is None else edge
    at_bound = np.where(edge, AT_EDGE, _at_bound(model, theta)).astype(np.int8)
    names, matrix = _reported(model, market.firms)
    n_free = model.n_free - len(dependent)
    inner = (at_bound == 0) & model.vary & ~np.array([name in dependent for name in model.names])
    effective = n_effective(model, theta) - len(dependent)
    n_noise = 0.0 if model.noise is None else model.noise.parameters
    repeatable = fit.loss == "linear" and not dependent
    uncertainty = assess(
        model, theta, inner, matrix, n_effective=effective, at_bound=at_bound, repeatable=repeatable
    )
    model.covariance = uncertainty.trusted
    n_train = model.data.active.shape[0]
    fitted = slice(model.data.first, n_train)
    statistic = (
        _information(residual[: model.n_residuals], effective, n_noise)
        | uncertainty.statistic
        | {
            "n_free": float(n_free),
            "n_effective": effective,
            "n_noise": n_noise,
            "rmse": fit_rmse(share[fitted], market.share[fitted], moving_firms(market.active)[fitted]),
            "adjustment_rate": mean_rate(model, theta, share),
            "nfev": float(polished.evaluations),
            "starts_agree": float(np.sum(start_cost <= start_cost.min() * (1 + _AGREE) + 1e-300)),
            "seconds": time.perf_counter() - began,
        }
    )
    return FitRecord(
        status=Status.CONVERGED if polished.converged else Status.EVALUATIONS_EXHAUSTED,
        names=names,
        value=matrix @ theta,
        stderr=np.sqrt(np.diag(uncertainty.covariance)),
        at_bound=np.concatenate([at_bound, np.zeros(len(names) - theta.size, dtype=np.int8)]),
        correlation=correlation_of(uncertainty.covariance),
        statistic=statistic,
        start_cost=start_cost,
        share=share,
        experiments=fitted_experiments(model, theta, inner),
        uncertainty=uncertainty,
        model=model,
        theta=theta,
        message=polished.message,
    )


def _reported(model: MarketModel, firms: NDArray) -> tuple[tuple[str, ...], Matrix]:
    """Name what is reported, and give the matrix that takes the parameters to it.

    Constants that sum to zero are one parameter less than firms: the last one's follows from the others.
    """
    matrix, names = np.eye(len(model.names)), list(model.names)
    if model.variant.firm_effects == "zero-sum":
        own = np.array([name.startswith(f"{CONSTANT}.") for name in names], dtype=float)
        matrix = np.vstack([matrix, -own])
        names.append(f"{CONSTANT}.{firms[-1]}")
    return tuple(names), matrix


def _at_bound(model: MarketModel, theta: Vector) -> NDArray[np.int8]:
    """Mark free parameters that stopped at a bound: -1 at the lower, 1 at the upper one."""
    width = _AT_BOUND * np.maximum(model.high - model.low, np.abs(theta))
    return np.where(
        ~model.vary,
        0,
        np.where(theta - model.lower <= width, -1, np.where(model.upper - theta <= width, 1, 0)),
    ).astype(np.int8)


def _information(residual: Vector, n_free: float, n_noise: float = 0.0) -> dict[str, float]:
    """Fit statistics as lmfit defines them for so many (effective) parameters; the log-likelihood beside.

    Weights are scaled so that the determinants of the covariances multiply to 1: the sum of weighted squares
    has the likelihood in it, as that without weights has. What was estimated of the noise beside its variance
    (``n_noise``) counts in the criteria.
    """
    n, n_estimated = residual.size, n_free + n_noise
    chisqr = float(residual @ residual)
    # A perfect fit has an infinite likelihood; the smallest positive number keeps the criteria finite.
    deviance = n * np.log(max(chisqr, np.finfo(float).tiny) / n)
    aic = deviance + 2 * n_estimated
    spare = n - n_estimated - 1
    return {
        "chisqr": chisqr,
        "redchi": chisqr / (n - n_free) if n > n_free else np.nan,
        "aic": aic,
        "aicc": aic + 2 * n_estimated * (n_estimated + 1) / spare if spare > 0 else np.nan,
        "bic": deviance + np.log(n) * n_estimated,
        "log_likelihood": -0.5 * (n * (np.log(2 * np.pi) + 1) + deviance),
        "n_residual": float(n),
    }
