"""What one calibration came to, as a frozen record."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import CONSTANT
from pipeline.config.sections.fit import FitSection
from pipeline.fitting.experiments import FittedExperiments, fitted_experiments
from pipeline.fitting.polish import Polished
from pipeline.fitting.response_edge import edge_parameters
from pipeline.fitting.uncertainty.optimum import AT_EDGE, Optimum
from pipeline.fitting.uncertainty.residual_space import residual_space
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


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a fit ended, before it is assessed.

    Attributes
    ----------
    optimum
        What is assessed.
    names
        Of what is reported.
    share
        (T, N) modelled shares over all periods of the market.
    polished, start_cost, n_free
        The minimisation, the costs (S,) of its starts, and parameters that were free.
    n_noise
        What was estimated of the noise beside its variance.
    """

    optimum: Optimum
    names: tuple[str, ...]
    share: Matrix
    polished: Polished
    start_cost: Vector
    n_free: int
    n_noise: float


def ending_of(
    model: MarketModel,
    market: MarketArrays,
    polished: Polished,
    edge: NDArray[np.bool_] | None,
    start_cost: Vector,
    fit: FitSection,
    seed: np.random.SeedSequence,
) -> Ending | FitRecord:
    """Tell where a fit ended; the record of it where the model cannot be evaluated there.

    Parameters
    ----------
    model : MarketModel
        With its noise.
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
    seed : SeedSequence
        Of the fit.
    """
    theta = polished.theta
    share = shares_of_all_periods(model, theta, market, fit.initial)
    if model.residual(theta) is None or share is None:
        return FitRecord(Status.NOT_FINITE, start_cost=start_cost, message=polished.message)
    edge = edge_parameters(model, theta) if edge is None else edge
    at_bound = np.where(edge, AT_EDGE, _at_bound(model, theta)).astype(np.int8)
    names, matrix = _reported(model.names, model.variant.firm_effects, str(market.firms[-1]))
    tied = _among(model.names, tuple(fit.expr))
    dependent = int(tied.sum())
    # Equal errors have a variance and nothing else.
    noise = None if model.variant.noise_under(fit) == "homogeneous" else model.noise
    n_noise = 0.0 if noise is None else noise.parameters
    optimum = Optimum(
        model,
        theta,
        at_bound,
        (at_bound == 0) & model.vary & ~tied,
        matrix,
        n_effective(model, theta) - dependent,
        seed,
        fit.loss == "linear" and not dependent,
    )
    return Ending(optimum, names, share, polished, start_cost, model.n_free - dependent, n_noise)


def record_of(
    ending: Ending,
    market: MarketArrays,
    uncertainty: "Uncertainty",
    seconds: float,
    shrinkage: float = np.nan,
) -> FitRecord:
    """Make the record of a fit; its model gets the covariance of its parameters.

    Parameters
    ----------
    ending : Ending
    market : MarketArrays
        All its periods.
    uncertainty : Uncertainty
        Of the optimum.
    seconds : float
        That the fit took.
    shrinkage : float
        Factor on the spread of priors that the fit chose; nan where there is none.
    """
    optimum, share, start_cost = ending.optimum, ending.share, ending.start_cost
    model, theta = optimum.model, optimum.theta
    residual = model.residual(theta)
    assert residual is not None, "an optimum has residuals"
    model.covariance = uncertainty.trusted
    fitted = slice(model.data.first, model.data.active.shape[0])
    moving = residual_space(model.data).active
    statistic = (
        _information(residual[: model.n_residuals], optimum.effective, ending.n_noise)
        | uncertainty.statistic
        | {
            "n_free": float(ending.n_free),
            "n_effective": optimum.effective,
            "n_noise": ending.n_noise,
            "rmse": fit_rmse(share[fitted], market.share[fitted], moving),
            "adjustment_rate": model.mean_rate(theta, share),
            "nfev": float(ending.polished.evaluations),
            "starts_agree": float(np.count_nonzero(start_cost <= start_cost.min() * (1 + _AGREE) + 1e-300)),
            "seconds": seconds,
            "shrinkage": shrinkage,
        }
    )
    extra = np.zeros(len(ending.names) - theta.size, dtype=np.int8)
    return FitRecord(
        status=Status.CONVERGED if ending.polished.converged else Status.EVALUATIONS_EXHAUSTED,
        names=ending.names,
        value=optimum.matrix @ theta,
        stderr=uncertainty.stderr,
        at_bound=np.concatenate([optimum.at_bound, extra]),
        correlation=uncertainty.correlation,
        statistic=statistic,
        start_cost=start_cost,
        share=share,
        experiments=fitted_experiments(model, theta, optimum.inner),
        uncertainty=uncertainty,
        model=model,
        theta=theta,
        message=ending.polished.message,
    )


@functools.lru_cache(maxsize=16)
def _reported(names: tuple[str, ...], firm_effects: str, last_firm: str) -> tuple[tuple[str, ...], Matrix]:
    """Name what is reported, and give the matrix, not to be written to, that takes the parameters to it.

    Constants that sum to zero are one parameter less than firms: the last one's follows from the others.
    """
    matrix = np.eye(len(names))
    if firm_effects == "zero-sum":
        own = np.array([name.startswith(f"{CONSTANT}.") for name in names], dtype=float)
        matrix = np.vstack([matrix, -own])
        names = (*names, f"{CONSTANT}.{last_firm}")
    return names, matrix


@functools.lru_cache(maxsize=16)
def _among(names: tuple[str, ...], chosen: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell which names are among some; not to be written to."""
    return np.array([name in chosen for name in names])


def _at_bound(model: MarketModel, theta: Vector) -> NDArray[np.int8]:
    """Mark free parameters that stopped at a bound: -1 at the lower, 1 at the upper one."""
    width = _AT_BOUND * np.maximum(model.high - model.low, np.abs(theta))
    at_lower, at_upper = theta - model.lower <= width, model.upper - theta <= width
    return np.where(model.vary & at_lower, -1, np.where(model.vary & at_upper, 1, 0)).astype(np.int8)


def _information(residual: Vector, n_free: float, n_noise: float = 0.0) -> dict[str, float]:
    """Fit statistics as lmfit defines them for so many (effective) parameters; the log-likelihood beside.

    Weights are scaled so that the determinants of the covariances multiply to 1: the sum of weighted squares
    has the likelihood in it, as that without weights has. What was estimated of the noise beside its variance
    (``n_noise``) counts in the criteria.
    """
    n, n_estimated = residual.size, n_free + n_noise
    chisqr = float(residual @ residual)
    # A perfect fit has an infinite likelihood; the smallest positive number keeps the criteria finite.
    deviance = n * math.log(max(chisqr, np.finfo(float).tiny) / n)
    aic = deviance + 2 * n_estimated
    spare = n - n_estimated - 1
    return {
        "chisqr": chisqr,
        "redchi": chisqr / (n - n_free) if n > n_free else np.nan,
        "aic": aic,
        "aicc": aic + 2 * n_estimated * (n_estimated + 1) / spare if spare > 0 else np.nan,
        "bic": deviance + math.log(n) * n_estimated,
        "log_likelihood": -0.5 * (n * (math.log(2 * np.pi) + 1) + deviance),
        "n_residual": float(n),
    }
