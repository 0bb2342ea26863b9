"""One model on one market, or on many: starts, screen, polish, and a record of what came out."""

import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

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
from pipeline.fitting.record import Ending, FitRecord, ending_of, record_of
from pipeline.fitting.response_edge import edge_parameters, follow_edge
from pipeline.fitting.search.screen import screen_together
from pipeline.fitting.search.settle import settle_together
from pipeline.fitting.search.starts import distinct, insert_known, sample_starts
from pipeline.fitting.shrinkage import choose_factor
from pipeline.fitting.uncertainty.assess import assess_together
from pipeline.fitting.weighting import fit_weighted
from pipeline.models.composing.build import build_model
from pipeline.models.instruments.first_stage import FirstStageError
from pipeline.models.market_model import MarketModel
from pipeline.models.priors import Prior, n_effective_of, prior_of
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.status import Status

_ALONG_THE_EDGE = "The fit went on along the edge at which the market function would turn negative."


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
    training = market
    if n_train is not None and n_train < len(market.times):
        training = first_periods(market, n_train)
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
        What `pose` gives, of one section `fit` but for the number of starts.
    uncertainty : UncertaintySection, optional
        As in `calibrate_market`.

    Yields
    ------
    FitRecord
        Of each, in order.
    """
    given = list(problems)
    posed = [one for one in given if isinstance(one, Problem)]
    began = time.perf_counter()
    screened = screen_together([(one.model, one.starts, one.prior) for one in posed])
    endings = _end(posed, screened)
    optima = [ending.optimum for ending in endings if isinstance(ending, Ending)]
    assessed = iter(assess_together(optima, uncertainty or UncertaintySection()))
    seconds = (time.perf_counter() - began) / max(len(posed), 1)
    found = iter(zip(posed, endings, strict=True))
    for one in given:
        if not isinstance(one, Problem):
            yield one
            continue
        problem, ending = next(found)
        if not isinstance(ending, Ending):
            yield ending
            continue
        took = problem.seconds + seconds
        yield record_of(ending, problem.market, next(assessed), took, problem.factor)


def _end(problems: list[Problem], screened: list[BatchFit]) -> list[Ending | FitRecord]:
    """Make the reported fits from what the search found, and tell where they ended."""
    endings: list[Ending | FitRecord] = [
        FitRecord(Status.NO_FINITE_START, start_cost=screen.cost) for screen in screened
    ]
    chosen = [
        distinct(screen.value, screen.cost, problem.fit.polish)
        for problem, screen in zip(problems, screened, strict=True)
    ]
    places = [place for place, rows in enumerate(chosen) if rows.size]
    some = [problems[place] for place in places]
    best = [screened[place].value[chosen[place]] for place in places]
    settled = settle_together([p.model for p in some], [rows[0] for rows in best], [p.prior for p in some])
    starts = [[theta, *rows[1:]] for theta, rows in zip(settled, best, strict=True)]
    fits = _polish(some, starts)
    # Counted together; the models remember.
    n_effective_of([problem.model for problem in some], [polished.theta for polished in fits])
    for place, problem, polished in zip(places, some, fits, strict=True):
        endings[place] = _ending(problem, polished, screened[place].cost)
    return endings


def _polish(problems: list[Problem], starts: list[list[Vector]]) -> list[Polished]:
    """Minimise from the starts of each problem, and take the best of what they lead to."""
    pairs = [(problem, theta) for problem, some in zip(problems, starts, strict=True) for theta in some]
    if pairs and pairs[0][0].fit.method == COMPILED:
        models, thetas = [problem.model for problem, _ in pairs], [theta for _, theta in pairs]
        polished = iter(polish_compiled(models, thetas, pairs[0][0].fit.max_evaluations))
    else:
        polished = (_polisher(problem)(theta) for problem, theta in pairs)
    return [
        _best(problem.model, list(itertools.islice(polished, len(some))))
        for problem, some in zip(problems, starts, strict=True)
    ]


def _ending(problem: Problem, polished: Polished, start_cost: Vector) -> Ending | FitRecord:
    """Weigh the residuals, follow the edge where f would be negative, and tell where the fit ended."""
    model, fit, n_tied = problem.model, problem.fit, len(problem.dependent)
    noise = model.variant.noise_under(fit)
    polished = fit_weighted(model, problem.training, noise, polished, _polisher(problem), n_tied)
    edge = None if n_tied else edge_parameters(model, polished.theta)
    if edge is not None and edge.any():
        followed = follow_edge(model, polished.theta, fit.max_evaluations)
        evaluations = polished.evaluations + followed.evaluations
        polished = Polished(followed.theta, evaluations, followed.converged, _ALONG_THE_EDGE)
        edge = edge_parameters(model, polished.theta)
    return ending_of(model, problem.market, polished, edge, start_cost, fit, problem.seed)


def _polisher(problem: Problem) -> Callable[[Vector], Polished]:
    """Give what makes the reported fit from a parameter vector."""
    model, fit = problem.model, problem.fit
    if fit.method == COMPILED:
        return lambda theta: polish_compiled([model], [theta], fit.max_evaluations)[0]
    seed = int(problem.seed.generate_state(1)[0])
    settings = PolishSettings(fit.method, fit.loss, fit.max_evaluations, fit.expr, seed)
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
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda polished: _cost(model, polished.theta))
