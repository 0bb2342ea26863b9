"""Tests that could be made in one market, and what each would tell of a quantity.

A test that measures a difference D(θ) with standard error s adds the information g gᵀ / s², g = ∂D/∂θ, so
that the variance cᵀ V c of a quantity with gradient c falls by (cᵀ V g)² / (s² + gᵀ V g): Bayesian c-optimal
design, Chaloner & Verdinelli (1995), Statistical Science 10, 273. V is what forecasts draw from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.residual import MarketData
from kernels.numeric.arrays import Vector
from kernels.response.response import ResponseError
from pipeline.models.effects.elasticities import INDEX
from pipeline.models.effects.market_course import prolonged
from pipeline.models.experiments.attach import experiment_rows
from pipeline.models.market_data import market_data
from pipeline.panel.experiments.experiment import Experiment
from pipeline.panel.market import MarketArrays
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.experiments.precision import measurement_errors

# Parts of the way to the furthest value that are looked at.
_PARTS = (1.0 / 3.0, 2.0 / 3.0, 1.0)
# Steps of derivatives along directions of a standard error each.
_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Proposal:
    """A test, and what it would tell.

    Attributes
    ----------
    firm, effort : int
        Places.
    baseline, changed : float
        Values of the effort.
    lift, stderr : float
        Difference of the mean share that the model expects, and the error that it would be measured with.
    cost : float
        Money that it moves, currency; nan where the effort has no price.
    gain : float
        Part of the variance of the quantity in this market that it would take away: the variance itself.
    """

    firm: int
    effort: int
    baseline: float
    changed: float
    lift: float
    stderr: float
    cost: float
    gain: float


@dataclass(frozen=True, slots=True)
class Setting:
    """What tests are asked for.

    Attributes
    ----------
    first, periods : int
        When they begin (the number of periods known: right after the data), and how long they last.
    controls : int
        Control markets.
    prices : mapping
        Currency per period of one unit of an effort of kind index.
    budget : float
        Money that a test may move; infinite without a limit.
    bounds : mapping
        Limits of efforts in place of what the firm was seen to do; None: open.
    """

    first: int
    periods: int
    controls: int = 1
    prices: Mapping[str, float] | None = None
    budget: float = np.inf
    bounds: Mapping[str, Sequence[float | None]] | None = None


Quantity = Callable[[Vector], float]


def quantity_slope(one: CausalMarket, quantity: Quantity) -> tuple[float, NDArray[np.float64]]:
    """Give a quantity at the estimates, and its slopes (D,) along the directions of a standard error each.

    Slopes are nan where the quantity follows something that the data do not see at all.
    """
    theta, problem = one.fit.theta, one.fit.problem
    slopes = []
    for step in np.concatenate([one.unknown.steps, one.unknown.unseen], axis=1).T:
        up, down = (np.clip(theta + side * _STEP * step, problem.lower, problem.upper) for side in (1, -1))
        moved = float(np.linalg.norm(up - down)) / max(float(np.linalg.norm(step)), np.finfo(float).tiny)
        slopes.append(0.0 if moved == 0.0 else (quantity(up) - quantity(down)) / moved)
    found = np.array(slopes)
    seen = one.unknown.steps.shape[1]
    value = quantity(theta)
    lost = bool(np.any(np.abs(found[seen:]) > 1e-3 * max(abs(value), 1e-3)))
    return value, np.full(seen, np.nan) if lost else found[:seen]


def propose(
    one: CausalMarket, slope: NDArray[np.float64], plan: Setting, firms: Sequence[int], efforts: Sequence[int]
) -> list[Proposal]:
    """Weigh the tests of some efforts by some firms, the best size of each.

    Parameters
    ----------
    one : CausalMarket
    slope : (D,) array
        Of the quantity, from `quantity_slope`.
    plan : Setting
    firms, efforts : sequence of int
        Places.
    """
    ahead = max(plan.first + plan.periods - len(one.fit.arrays.times), 0)
    course = one.course(ahead=ahead)
    market = prolonged(one.fit.arrays, ahead) if ahead else one.fit.arrays
    tested = slice(plan.first, plan.first + plan.periods)
    errors = measurement_errors(course, plan.first, plan.periods, plan.controls)
    there = [firm for firm in firms if market.active[plan.first - 1 : tested.stop, firm].all()]
    wanted = [
        _experiment(plan, firm, effort, *values)
        for firm in there
        for effort in efforts
        for values in _sizes(one, market, plan, firm, effort)
    ]
    found: dict[tuple[int, int], Proposal] = {}
    for experiment in wanted:
        response = _differences(one, market, experiment)
        if response is None:
            continue
        lift, gradient = response
        stderr = float(errors[experiment.firm])
        along = one.unknown.steps.T @ gradient
        gain = float(slope @ along) ** 2 / (stderr**2 + float(along @ along))
        spent = _unit_cost(one, market, plan, experiment.firm, experiment.effort)
        change = abs(experiment.changed - experiment.baseline)
        proposal = Proposal(
            experiment.firm,
            experiment.effort,
            experiment.baseline,
            experiment.changed,
            lift,
            stderr,
            change * spent,
            gain,
        )
        key = experiment.firm, experiment.effort
        if key not in found or proposal.gain > found[key].gain:
            found[key] = proposal
    return list(found.values())


def _experiment(plan: Setting, firm: int, effort: int, baseline: float, changed: float) -> Experiment:
    last = plan.first + plan.periods - 1
    return Experiment(0, firm, effort, plan.first, last, baseline, changed, np.nan, False, 0.0, 1.0)


def _sizes(
    one: CausalMarket, market: MarketArrays, plan: Setting, firm: int, effort: int
) -> list[tuple[float, float]]:
    """Give pairs of baseline and changed value: towards both ends of what the firm was seen to do."""
    known = len(one.fit.arrays.times)
    seen = market.efforts[effort, :known, firm]
    baseline = float(np.nanmean(market.efforts[effort, plan.first : plan.first + plan.periods, firm]))
    given = (plan.bounds or {}).get(one.fit.efforts[effort], (None, None))
    ends = (
        float(np.nanmin(seen)) if given[0] is None else given[0],
        float(np.nanmax(seen)) if given[1] is None else given[1],
    )
    spent = _unit_cost(one, market, plan, firm, effort)
    if np.isnan(spent) and np.isfinite(plan.budget):
        return []
    most = plan.budget / spent if spent > 0.0 else np.inf
    pairs = []
    for end in ends:
        reach = float(np.clip(end - baseline, -most, most))
        if abs(reach) > 1e-9 * max(abs(baseline), abs(end), 1e-9):
            pairs += [(baseline, baseline + part * reach) for part in _PARTS]
    return pairs


def _unit_cost(one: CausalMarket, market: MarketArrays, plan: Setting, firm: int, effort: int) -> float:
    """Money over all periods of a test for one unit of an effort, currency; nan where it has no price."""
    tested = slice(plan.first, plan.first + plan.periods)
    duration = market.duration[tested]
    kind = one.kinds[effort]
    if kind == INDEX:
        return float((plan.prices or {}).get(one.fit.efforts[effort], np.nan) * duration.sum())
    if kind == "ratio":
        return float(np.nansum(duration * market.total_sales[tested] * market.share[tested, firm]))
    return float(one.fit.problem.data.reference_sales * duration.sum())


def _differences(
    one: CausalMarket, market: MarketArrays, experiment: Experiment
) -> tuple[float, NDArray[np.float64]] | None:
    """Give what the model says of an experiment, and its gradient (P,); None where it cannot say."""
    problem = one.fit.problem
    fitted = problem.data

    def arranged(course: MarketArrays, until: int, entries: int) -> MarketData:
        return market_data(
            problem.prepared(course), one.initial, fitted.reference_sales, fitted.kind, until, entries
        )

    try:
        rows = experiment_rows(
            replace(market, experiments=(experiment,)),
            arranged,
            problem.response,
            fitted,
            problem.gamma_form,
            problem.column,
        )
    except ResponseError:
        return None
    found = None if rows is None else rows.differences(one.fit.theta)
    if found is None:
        return None
    gradient = np.zeros(one.fit.theta.size)
    gradient[problem.vary] = found[1][:, 0]
    return float(found[0][0]), gradient
