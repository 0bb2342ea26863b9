"""Setting up the game on one market: what firms may set, what it pays, and what they do at present."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import Bounds
from pipeline.config.sections.scenario import RivalsSection
from pipeline.errors import PlanError
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.games.payoff import PayoffModel, StrategySpace
from pipeline.games.pricing import with_price
from pipeline.planning.controls import Controls, find_priced, make_controls, refuse_crossed
from pipeline.results.totals.continuation import TotalForecast


def set_up_game(
    market: ForecastMarket, settings: GameSettings, total: TotalForecast
) -> tuple[PayoffModel, Floats]:
    """Set up the payoffs of a market.

    Parameters
    ----------
    market : ForecastMarket
    settings : GameSettings
    total : TotalForecast
        Total sales.

    Returns
    -------
    model : PayoffModel
    present : (L, N) array
        Strategies at present.

    Raises
    ------
    PlanError
        Nothing that firms could change, bounds, prices or margins that make no sense, or no long run.
    """
    steady = settings.horizon == "steady"
    if steady:
        _refuse_lock_in(market)
    held = held_efforts(market, RivalsSection(last=settings.last), [False] * market.firms.size)
    efforts = held.value.mean(axis=1)
    # Prices are another kind of strategy than money or efforts, bounded and paid for in their own way.
    names = [market.efforts[price.effort] for price in market.prices]
    other = settings.model_copy(
        update={"bounds": {k: v for k, v in settings.bounds.items() if k not in names}}
    )
    if names and not find_priced(market, other.bounds, other.prices):
        space, present = _no_space(), np.empty((0, market.firms.size))
    elif settings.strategy == "budgets":
        space, present = _budget_space(market, other, efforts, total.median)
    else:
        space, present = _effort_space(market, other, efforts)
    for price in market.prices:
        space, present = with_price(market, price, settings.bounds, space, (present, efforts))
    played = market.steady() if steady else market
    shape = (len(efforts), played.horizon, market.firms.size)
    response = ForecastResponse(played)
    model = PayoffModel(
        response=response,
        space=space,
        held=replace(
            held,
            value=np.repeat(efforts[:, np.newaxis], played.horizon, axis=1),
            budget=np.full(shape, np.nan),
        ),
        margin=_margins(market, settings.margin),
        total=(total.steady() if steady else total).course(response),
        discount=np.ones(1) if steady else played.discount_weights(settings.discount),
        steady=steady,
    )
    return model, present


def _no_space() -> StrategySpace:
    none = np.empty(0)
    return StrategySpace(none.astype(np.intp), none, none, none.astype(np.bool_), none, none)


def _effort_space(
    market: ForecastMarket, settings: GameSettings, efforts: Floats
) -> tuple[StrategySpace, Floats]:
    """Strategies that are efforts (K, N) themselves."""
    controls = make_controls(market, 0, settings.bounds, settings.prices)
    # A strategy is held, so where bounds differ between periods it keeps all of them.
    low, high = controls.low.max(axis=1), controls.high.min(axis=1)
    for effort, smallest, largest in zip(controls.index, low, high, strict=True):
        refuse_crossed(market.efforts[effort], smallest, largest)
    space = StrategySpace(
        efforts=controls.index,
        low=low,
        high=high,
        buys_ratio=np.zeros(len(low), dtype=np.bool_),
        scale=np.ones(len(low)),
        price=np.where(controls.of_sales > 0.0, np.nan, controls.price),
    )
    return space, efforts[controls.index]


def _budget_space(
    market: ForecastMarket, settings: GameSettings, efforts: Floats, total: Floats
) -> tuple[StrategySpace, Floats]:
    """Strategies that are money for efforts (K, N), currency per period."""
    find_priced(market, settings.bounds, settings.prices)
    controls = make_controls(market, 0, {}, settings.prices, must_move=False)
    unit_cost = controls.unit_cost(market.share * total.mean())
    low, high = _budget_bounds(market, settings.bounds, controls, unit_cost)
    space = StrategySpace(
        efforts=controls.index,
        low=low,
        high=high,
        buys_ratio=controls.of_sales > 0.0,
        scale=np.where(controls.of_sales > 0.0, 1.0, controls.price),
        price=np.ones(len(low)),
    )
    return space, efforts[controls.index] * unit_cost


def _budget_bounds(
    market: ForecastMarket, bounds: Mapping[str, Bounds], controls: Controls, unit_cost: Floats
) -> tuple[Floats, Floats]:
    """Bounds (L,) of budgets; by default what the efforts seen cost any firm, at unit costs (L, N)."""
    low = controls.low.max(axis=1) * unit_cost.min(axis=1)
    high = controls.high.min(axis=1) * unit_cost.max(axis=1)
    for row, effort in enumerate(controls.index):
        name = market.efforts[effort]
        smallest, largest = bounds.get(name, (None, None))
        low[row] = low[row] if smallest is None else float(np.mean(smallest))
        high[row] = high[row] if largest is None else float(np.mean(largest))
        refuse_crossed(name, low[row], high[row])
    if not (high > low).any():
        raise PlanError("No budget has any room between its bounds; give wider ones.")
    return low, high


def _refuse_lock_in(market: ForecastMarket) -> None:
    gamma = market.equation(market.theta).returns_to_scale
    if gamma >= 1.0:
        raise PlanError(
            f"With returns to scale of {gamma:.3g} (model {market.model}) shares do not come to rest: in "
            "the long run one firm takes the market. Give a horizon, e.g. --horizon 52."
        )


def _margins(market: ForecastMarket, given: float | Mapping[str, float]) -> Floats:
    if not isinstance(given, Mapping):
        return np.full(market.firms.size, float(given))
    labels = [str(firm) for firm in market.firms.tolist()]
    missing = [label for label in labels if label not in given]
    unknown = [name for name in given if name not in labels]
    if missing or unknown:
        raise PlanError(
            f"Margins are needed for {', '.join(labels)}; missing {', '.join(missing) or 'none'}, unknown "
            f"{', '.join(unknown) or 'none'}."
        )
    return np.array([float(given[label]) for label in labels])
