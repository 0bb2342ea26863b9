"""One model on one market: starts, screen, polish, and a frozen record of what came out."""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import moving_firms
from kernels.numeric.arrays import Matrix, Vector
from kernels.response.catalogue import Curve
from kernels.response.response import ResponseError
from pipeline.config.parameters import CONSTANT
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import Variant
from pipeline.fitting.all_markets import NOT_ASKED, AllMarkets
from pipeline.fitting.compiled import COMPILED, polish_compiled
from pipeline.fitting.experiments import FittedExperiments, fitted_experiments
from pipeline.fitting.polish import Polished, PolishSettings, polish
from pipeline.fitting.response_edge import edge_parameters, follow_edge
from pipeline.fitting.screen import screen, settle
from pipeline.fitting.shrinkage import choose_factor
from pipeline.fitting.starts import distinct, insert_known, sample_starts
from pipeline.fitting.uncertainty.assess import AT_EDGE, Uncertainty, assess_uncertainty
from pipeline.fitting.uncertainty.covariance import correlation_of
from pipeline.fitting.uncertainty.persistence import mean_rate
from pipeline.fitting.weighting import fit_weighted
from pipeline.models.instruments.first_stage import FirstStageError
from pipeline.models.market_model import MarketModel, build_model
from pipeline.models.one_step import shares_of_all_periods
from pipeline.models.priors import n_effective, prior_of
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.status import Status
from pipeline.validation.scores import fit_rmse

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
    uncertainty: Uncertainty | None = None
    model: MarketModel | None = None
    theta: Vector = field(default_factory=lambda: np.empty(0))
    message: str = ""

    @property
    def first_stage_f(self) -> Vector:
        """(E,) F of the instruments of each endogenous effort."""
        return np.array([stage.f_statistic for stage in self.model.stages] if self.model else [])


def calibrate_market(
    variant: Variant,
    market: MarketArrays,
    efforts: tuple[str, ...],
    fit: FitSection,
    seed: np.random.SeedSequence,
    *,
    curves: Mapping[str, Curve] | None = None,
    n_train: int | None = None,
    uncertainty: UncertaintySection | None = None,
    all_markets: AllMarkets = NOT_ASKED,
    warm: Mapping[str, float] | None = None,
) -> FitRecord:
    """Calibrate a variant on the first ``n_train`` periods of a market.

    Parameters
    ----------
    variant : Variant
    market : MarketArrays
    efforts : tuple of str
        Names along its effort axis.
    fit : FitSection
        Method, starts, residual, bounds, ...
    seed : SeedSequence
        Of the starting points.
    curves : mapping, optional
        The study's own curves.
    n_train : int, optional
        Periods to fit; by default all. The others are predicted, given their efforts.
    uncertainty : UncertaintySection, optional
        Intervals and replicates; by default the cheap ones.
    all_markets : AllMarkets, optional
        What a pooled model, or a pooled first stage, takes from all of them.
    warm : mapping of str to float, optional
        Earlier estimates: one of the starting points.

    Returns
    -------
    FitRecord
        A fit that cannot be made is a status, never an exception.
    """
    began = time.perf_counter()
    training = first_periods(market, len(market.times) if n_train is None else n_train)
    refusal = _refusal(training, fit)
    if refusal is not None:
        return FitRecord(refusal)
    population, first_stages = all_markets.population, all_markets.first_stages
    try:
        model = build_model(variant, training, efforts, fit, curves or {}, first_stages)
    except ResponseError:
        return FitRecord(Status.OUTSIDE_DOMAIN)
    except FirstStageError as error:
        return FitRecord(Status.NO_FIRST_STAGE, message=str(error))
    dependent = [name for name in fit.expr if name in model.names]
    prior = prior_of(model.names, fit.priors if population is None else population)
    believed = np.isfinite(prior.spread[model.vary]).sum() + model.data.entries
    if model.n_residuals + believed <= model.n_free - len(dependent):
        return FitRecord(Status.TOO_FEW_RESIDUALS)
    factor = np.nan
    if fit.shrinkage is not None and population is None and not prior.empty:
        factor = choose_factor(variant, training, efforts, fit, curves or {}, first_stages)
        prior = prior.scaled(factor)
    starts = sample_starts(model.start, model.low, model.high, model.vary, fit.starts, seed)
    if warm:
        insert_known(starts, model, warm)
    screened = screen(model, starts, prior)
    chosen = distinct(screened.value, screened.cost, fit.polish)
    if chosen.size == 0:
        return FitRecord(Status.NO_FINITE_START, start_cost=screened.cost)
    first = settle(model, screened.value[chosen[0]], prior)
    again = _polisher(model, fit, seed)
    polished = _best(model, [again(theta) for theta in (first, *screened.value[chosen[1:]])])
    polished = fit_weighted(model, training, variant.noise_under(fit), polished, again, len(dependent))
    if not dependent and edge_parameters(model, polished.theta).any():
        followed = follow_edge(model, polished.theta, fit.max_evaluations)
        evaluations = polished.evaluations + followed.evaluations
        polished = replace(
            polished, theta=followed.theta, evaluations=evaluations, converged=followed.converged
        )
    assess = functools.partial(assess_uncertainty, asked=uncertainty or UncertaintySection(), seed=seed)
    record = _record(model, market, polished, screened.cost, fit, dependent, began, assess)
    if not record.status.usable:
        return record
    return replace(record, statistic={**record.statistic, "shrinkage": factor})


def _polisher(model: MarketModel, fit: FitSection, seed: np.random.SeedSequence) -> Callable[..., Polished]:
    """Give what makes the reported fit from a parameter vector."""
    if fit.method == COMPILED:
        return functools.partial(polish_compiled, model, max_evaluations=fit.max_evaluations)
    settings = PolishSettings(
        fit.method, fit.loss, fit.max_evaluations, fit.expr, int(seed.generate_state(1)[0])
    )
    return functools.partial(polish, model, settings=settings)


def _refusal(market: MarketArrays, fit: FitSection) -> Status | None:
    """Tell why no model can be fitted to these periods, if none can."""
    if market.share.shape[0] < 2:
        return Status.TOO_FEW_RESIDUALS
    fitted = market.active[1:] if fit.initial == "observed" else market.active
    if not (fitted.sum(axis=1) >= 2).any():
        return Status.ONE_FIRM
    if fit.residual == "ilr" and (market.share[market.active] <= 0.0).any():
        return Status.ZERO_SHARE
    return None


def _cost(model: MarketModel, theta: Vector) -> float:
    residual = model.residual(theta)
    return np.inf if residual is None else 0.5 * float(residual @ residual)


def _best(model: MarketModel, candidates: list[Polished]) -> Polished:
    return min(candidates, key=lambda polished: _cost(model, polished.theta))


def _record(
    model: MarketModel,
    market: MarketArrays,
    polished: Polished,
    start_cost: Vector,
    fit: FitSection,
    dependent: list[str],
    began: float,
    assess: Callable[..., Uncertainty],
) -> FitRecord:
    theta = polished.theta
    residual = model.residual(theta)
    share = shares_of_all_periods(model, theta, market, fit.initial)
    if residual is None or share is None:
        return FitRecord(Status.NOT_FINITE, start_cost=start_cost, message=polished.message)
    edge = edge_parameters(model, theta)
    at_bound = np.where(edge, AT_EDGE, _at_bound(model, theta)).astype(np.int8)
    names, matrix = _reported(model, market.firms)
    n_free = model.n_free - len(dependent)
    inner = (at_bound == 0) & model.vary & ~np.isin(model.names, dependent)
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
