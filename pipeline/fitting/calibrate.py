"""One model on one market, or on many: starts, screen, polish, and a record of what came out."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kernels.least_squares.batch import BatchFit
from kernels.numeric.arrays import Matrix, Vector
from kernels.response.catalogue import Curve
from kernels.response.response import ResponseError
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import Variant
from pipeline.fitting.all_markets import NOT_ASKED, AllMarkets
from pipeline.fitting.compiled import COMPILED, polish_compiled
from pipeline.fitting.polish import Polished, PolishSettings, polish
from pipeline.fitting.record import FitRecord, record_of
from pipeline.fitting.response_edge import edge_parameters, follow_edge
from pipeline.fitting.screen import screen_together, settle
from pipeline.fitting.shrinkage import choose_factor
from pipeline.fitting.starts import distinct, insert_known, sample_starts
from pipeline.fitting.uncertainty.assess import assess_uncertainty
from pipeline.fitting.weighting import fit_weighted
from pipeline.models.instruments.first_stage import FirstStageError
from pipeline.models.market_model import MarketModel, build_model
from pipeline.models.priors import Prior, prior_of
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.status import Status


@dataclass(frozen=True, slots=True)
class Problem:
    """A calibration before its search.

    Attributes
    ----------
    market, training
        The market, and the periods of it that are fitted.
    fit
        Method, starts, ...
    seed
        Of the fit.
    model, prior
        The least-squares problem, and what is believed of its parameters.
    starts
        (S, P) starting points.
    factor
        Chosen by the fit on the spread of priors; nan where there is none.
    seconds
        Spent on it so far.
    """

    market: MarketArrays
    training: MarketArrays
    fit: FitSection
    seed: np.random.SeedSequence
    model: MarketModel
    prior: Prior
    starts: Matrix
    factor: float
    seconds: float

    @property
    def dependent(self) -> list[str]:
        """Parameters that follow from others."""
        return [name for name in self.fit.expr if name in self.model.names]


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
    problem = pose(
        variant,
        market,
        efforts,
        fit,
        seed,
        curves=curves,
        n_train=n_train,
        all_markets=all_markets,
        warm=warm,
    )
    return next(calibrate_together([problem], uncertainty))


def pose(
    variant: Variant,
    market: MarketArrays,
    efforts: tuple[str, ...],
    fit: FitSection,
    seed: np.random.SeedSequence,
    *,
    curves: Mapping[str, Curve] | None = None,
    n_train: int | None = None,
    all_markets: AllMarkets = NOT_ASKED,
    warm: Mapping[str, float] | None = None,
) -> Problem | FitRecord:
    """Make the problem of a calibration, or the record of why there is none; as `calibrate_market`."""
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
    dependent = sum(name in model.names for name in fit.expr)
    prior = prior_of(model.names, fit.priors if population is None else population)
    believed = np.isfinite(prior.spread[model.vary]).sum() + model.data.entries
    if model.n_residuals + believed <= model.n_free - dependent:
        return FitRecord(Status.TOO_FEW_RESIDUALS)
    factor = np.nan
    if fit.shrinkage is not None and population is None and not prior.empty:
        factor = choose_factor(variant, training, efforts, fit, curves or {}, first_stages)
        prior = prior.scaled(factor)
    starts = sample_starts(model.start, model.low, model.high, model.vary, fit.starts, seed)
    if warm:
        insert_known(starts, model, warm)
    seconds = time.perf_counter() - began
    return Problem(market, training, fit, seed, model, prior, starts, factor, seconds)


def calibrate_together(
    problems: Iterable[Problem | FitRecord], uncertainty: UncertaintySection | None = None
) -> Iterator[FitRecord]:
    """Calibrate many problems, those of one shape searched in one batch; the numbers of `calibrate_market`.

    Parameters
    ----------
    problems : iterable of Problem or FitRecord
        What `pose` gives.
    uncertainty : UncertaintySection, optional
        As in `calibrate_market`.

    Yields
    ------
    FitRecord
        Of each, in order.
    """
    waiting = list(problems)
    began = time.perf_counter()
    screened = screen_together([(p.model, p.starts, p.prior) for p in waiting if isinstance(p, Problem)])
    searching = (time.perf_counter() - began) / max(len(screened), 1)
    waiting.reverse()
    screened.reverse()
    # Taken out one by one: models that are done with need not be kept.
    while waiting:
        one = waiting.pop()
        if isinstance(one, Problem):
            yield conclude(one, screened.pop(), uncertainty, searching)
        else:
            yield one


def conclude(
    problem: Problem,
    screened: BatchFit,
    uncertainty: UncertaintySection | None = None,
    searching: float = 0.0,
) -> FitRecord:
    """Make the reported fit from what the search found, and the record of it.

    Parameters
    ----------
    problem : Problem
        Its model with its beliefs weighted by the search.
    screened : BatchFit
        Of its starts.
    uncertainty : UncertaintySection, optional
        Intervals and replicates; by default the cheap ones.
    searching : float
        Seconds that the search took.
    """
    began = time.perf_counter() - searching - problem.seconds
    model, fit, seed, dependent = problem.model, problem.fit, problem.seed, problem.dependent
    chosen = distinct(screened.value, screened.cost, fit.polish)
    if chosen.size == 0:
        return FitRecord(Status.NO_FINITE_START, start_cost=screened.cost)
    first = settle(model, screened.value[chosen[0]], problem.prior)
    again = _polisher(model, fit, seed)
    polished = _best(model, [again(theta) for theta in (first, *screened.value[chosen[1:]])])
    noise = model.variant.noise_under(fit)
    polished = fit_weighted(model, problem.training, noise, polished, again, len(dependent))
    edge = None if dependent else edge_parameters(model, polished.theta)
    if edge is not None and edge.any():
        followed = follow_edge(model, polished.theta, fit.max_evaluations)
        evaluations = polished.evaluations + followed.evaluations
        polished = replace(
            polished, theta=followed.theta, evaluations=evaluations, converged=followed.converged
        )
        edge = edge_parameters(model, polished.theta)
    assess = functools.partial(assess_uncertainty, asked=uncertainty or UncertaintySection(), seed=seed)
    record = record_of(model, problem.market, polished, edge, screened.cost, fit, dependent, began, assess)
    if not record.status.usable:
        return record
    return replace(record, statistic={**record.statistic, "shrinkage": problem.factor})


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
