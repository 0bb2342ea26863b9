"""One firm's money over the markets of a sweep: where it brings most, and what a share costs."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import approx_fprime

from kernels.numeric.arrays import Floats
from pipeline.budgeting.spread import Return, spread_money
from pipeline.config.sections.allocation import AllocationSettings
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.scenario import RivalsSection
from pipeline.config.settings import Given, settings_of
from pipeline.errors import ForecastError, PlanError, QueryError
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.model_choice import pattern_of
from pipeline.forecasting.open_market import open_market
from pipeline.games.payoff import PayoffModel, Payoffs
from pipeline.games.setup import set_up_game
from pipeline.names import Label
from pipeline.planning.chance import sure_market
from pipeline.planning.controls import find_priced, make_controls
from pipeline.planning.steady import Holding, SteadyMarket
from pipeline.results.frames.table import Table
from pipeline.results.frames.tabular import Tabular
from pipeline.results.opened import require_opened
from pipeline.results.select import select_markets, select_models
from pipeline.results.totals.answering import reference_sales
from pipeline.results.totals.continuation import TotalForecast

if TYPE_CHECKING:
    from pipeline.results.results import Results


# Part of the most that is spent of each effort at least.
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class FirmMarket:
    """What one firm's money brings in one market in the long run: L efforts.

    Attributes
    ----------
    model : PayoffModel
        Payoffs of all firms.
    firm : int
    present : (L or more, N) array
        Money of all firms at present, currency per period; and then their prices, which stay.
    least, most : (L,) arrays
        Bounds of the firm's money.
    margin : float or None
        Part of sales that is earned; None where sales count.
    """

    model: PayoffModel
    firm: int
    present: Floats
    least: Floats
    most: Floats
    margin: float | None

    @property
    def bought(self) -> list[int]:
        """Positions of the L efforts that money is spent on."""
        return self.model.space.efforts[: self.most.size].tolist()

    @property
    def market(self) -> ForecastMarket:
        """The market."""
        return self.model.response.market

    def outcome(self, money: Floats) -> Payoffs:
        """Play money (L,) of the firm against what the others do now."""
        return self.model.evaluate(self._strategies(money))

    def brings(self, money: Floats) -> tuple[float, Floats]:
        """Give the profit, or the sales less what is spent on other efforts, and the gradient (L,)."""
        value, slope = self._payoff(money)
        if self.margin is None:
            return value + float(money.sum()), slope + 1.0
        return value, slope

    def _payoff(self, money: Floats) -> tuple[float, Floats]:
        if self.model.has_gradient:
            return self.model.gradient(self._strategies(money), self.firm)

        def payoff(point: Floats) -> float:
            return float(self.outcome(point).payoff[self.firm])

        step = 1e-6 * np.maximum(self.most, 1e-12)
        return payoff(money), np.asarray(approx_fprime(money, payoff, step))

    def _strategies(self, money: Floats) -> Floats:
        strategies = self.present.copy()
        strategies[: money.size, self.firm] = money
        return strategies


@dataclass(frozen=True, eq=False)
class Allocation:
    """Money over M markets and L efforts.

    Attributes
    ----------
    money : (M, L) array
        Currency per period.
    share, sales, profit : (M,) arrays
        In the long run; profit is nan without a margin.
    """

    money: Floats
    share: Floats
    sales: Floats
    profit: Floats

    @property
    def spent(self) -> float:
        """Money in all, currency per period."""
        return float(self.money.sum())


@dataclass(frozen=True, eq=False, repr=False)
class AllocationAnswer(Tabular):
    """What `allocate` found.

    Attributes
    ----------
    firm : label
    markets : tuple of labels
    models : tuple of str
    efforts : tuple of str
        That money goes to.
    total : (M,) array
        Sales of each market, currency per period.
    budget : float
    present, best : Allocation
        What is spent now, and the best allocation of the budget.
    frontier : tuple of Allocation
        The best ones of some budgets.
    target : float or None
        Share to be held everywhere.
    holdings : tuple of Holding
        What it costs in each market; empty without a target.
    notes : tuple of str
        Markets left out, and why.
    """

    firm: str
    markets: tuple[Label, ...]
    models: tuple[str, ...]
    efforts: tuple[str, ...]
    total: Floats
    budget: float
    present: Allocation
    best: Allocation
    frontier: tuple[Allocation, ...]
    target: float | None
    holdings: tuple[Holding, ...]
    notes: tuple[str, ...]
    axes = ("market",)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Allocation of {self.firm}, in the long run, rivals' money as it is"

    @property
    def table(self) -> Table:
        """One row for every market: what is spent and comes of it now and at best; what the target costs."""
        columns: dict[str, np.ndarray] = {
            "market": np.array(self.markets, dtype=object),
            "share_now": self.present.share,
            "money_now": self.present.money.sum(axis=1),
            "share": self.best.share,
            "sales": self.best.sales,
            "money": self.best.money.sum(axis=1),
        }
        if np.isfinite(self.best.profit).all():
            columns["profit_now"], columns["profit"] = self.present.profit, self.best.profit
        for effort, name in enumerate(self.efforts):
            columns[name] = self.best.money[:, effort]
        if self.holdings:
            columns["cost_of_target"] = np.array([one.cost for one in self.holdings])
            columns["target_held"] = np.array([one.feasible for one in self.holdings])
        return Table({**columns, "model": np.array(self.models, dtype=object)})

    @property
    def feasible(self) -> bool:
        """Whether the share that was asked for can be held in every market."""
        return all(one.feasible for one in self.holdings)


def allocate(results: "Results", settings: Given[AllocationSettings]) -> AllocationAnswer:
    """Spread a firm's money over its markets, for the largest sales or profit in the long run.

    Rivals keep their money. Efforts of kind index without a price stay as they are.

    Parameters
    ----------
    results
        Where the fits are.
    settings
        Firm, budget, margin, ...: `AllocationSettings`, a YAML file or a mapping.

    Returns
    -------
    AllocationAnswer
        Money (markets, efforts), currency per period, and the shares, sales and profit that it brings, now
        and at best; the frontier of budgets; what a target costs.

    Raises
    ------
    ConfigError
        A file or mapping that makes no settings.
    QueryError
        Markets or models that the sweep does not have, or a firm that is in none of them.
    PlanError
        A budget below the least there is to spend, or nothing that money buys.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> answer = beed.allocate(store, {"firm": "Burabay", "margin": 0.38})
    >>> bool(answer.best.profit.sum() > answer.present.profit.sum())
    True
    """
    require_opened(results)
    settings = settings_of(AllocationSettings, settings, what="allocation")
    labels = results.tables.labels("market")[select_markets(results.tables, settings.markets)].tolist()
    models = select_models(results.sweep, pattern_of(settings.model))
    found: list[FirmMarket] = []
    notes: list[str] = []
    holdings = []
    for label in labels:
        try:
            game = _game(settings, label)
            market, total = open_market(results, game, models, 1)
            one = firm_market(sure_market(market), settings, game, total)
        except (QueryError, PlanError, ForecastError) as error:
            if len(labels) == 1:
                raise
            notes.append(f"Market {label} was left out. {error}")
            continue
        found.append(one)
        if settings.target is not None:
            holdings.append(hold_everywhere(one, settings))
    if not found:
        raise QueryError(f"None of {len(labels)} markets can take part; the first: {notes[0]}")
    return replace(allocate_among(found, settings), holdings=tuple(holdings), notes=tuple(notes))


def allocate_among(found: list[FirmMarket], settings: AllocationSettings) -> AllocationAnswer:
    """Spread a firm's money over markets at hand; see `allocate`."""
    present = _allocation(found, [one.present[: one.most.size, one.firm] for one in found])
    budget = present.spent if settings.budget is None else settings.budget
    fractions = np.linspace(0.25, 2.0, settings.frontier)
    least, best = sum(float(one.least.sum()) for one in found), best_allocation(found, budget)
    return AllocationAnswer(
        firm=settings.firm,
        markets=tuple(one.market.market for one in found),
        models=tuple(one.market.model for one in found),
        efforts=tuple(found[0].market.efforts[effort] for effort in found[0].bought),
        total=np.array([float(reference_sales(one.model.total).mean()) for one in found]),
        budget=budget,
        present=present,
        best=best,
        frontier=tuple(
            best_allocation(found, part * budget, best) for part in fractions if part * budget > least
        ),
        target=settings.target,
        holdings=(),
        notes=(),
    )


def best_allocation(found: list[FirmMarket], budget: float, near: Allocation | None = None) -> Allocation:
    """Find the allocation of a budget that brings most; from the one of another budget, if given.

    Raises
    ------
    PlanError
        Even the least there is to spend costs more.
    """
    left = budget - sum(float(one.least.sum()) for one in found)
    if left <= 0.0:
        raise PlanError(
            f"The smallest efforts allowed cost {budget - left:.6g} per period; got {budget:.6g}."
        )

    def return_of(one: FirmMarket) -> Return:
        return Return(lambda money: one.brings(one.least + money), np.maximum(one.most - one.least, 0.0))

    spend_all = found[0].margin is None
    start = None
    if near is not None:
        start = np.concatenate([part - one.least for one, part in zip(found, near.money, strict=True)])
    spread = spread_money([return_of(one) for one in found], left, spend_all=spend_all, start=start)
    return _allocation(found, [one.least + money for one, money in zip(found, spread, strict=True)])


def firm_market(
    market: ForecastMarket, settings: AllocationSettings, game: GameSettings, total: TotalForecast
) -> FirmMarket:
    """Set up what a firm's money brings in a market, with a forecast of its total sales."""
    firm = market.firm_index(settings.firm)
    model, present = set_up_game(market, game, total)
    if not find_priced(market, {}, settings.prices):
        raise PlanError(
            f"No effort of market {market.market} costs money that could be spread. Prices that firms set "
            "stay as they are in an allocation: a flight plan sets them, and so does a game. Give money per "
            "unit of another effort, e.g. --price feature=1000."
        )
    controls = make_controls(market, firm, {}, settings.prices, must_move=False, widen=settings.widen)
    unit_cost = controls.unit_cost(np.asarray(market.share[firm] * total.median.mean()))
    most = controls.high[:, 0] * unit_cost
    # A firm that spends nothing at all is gone: there is no long run to come back from.
    least = np.maximum(controls.low[:, 0] * unit_cost, _LEAST * most)
    return FirmMarket(model, firm, present, least, most, settings.margin)


def hold_everywhere(one: FirmMarket, settings: AllocationSettings) -> Holding:
    """Find what holding the target costs in one market."""
    market = one.market
    assert settings.target is not None
    planner = [firm == one.firm for firm in range(market.firms.size)]
    held = held_efforts(market, RivalsSection(), planner).value
    margin = settings.margin or 0.0
    controls = make_controls(market, one.firm, {}, settings.prices, widen=settings.widen, margin=margin)
    return SteadyMarket(market, controls, held, float(reference_sales(one.model.total).mean())).hold(
        settings.target
    )


def _game(settings: AllocationSettings, market: Label) -> GameSettings:
    """Make the settings of the long-run game whose payoffs count."""
    return GameSettings(
        market=str(market),
        model=settings.model,
        prices=settings.prices,
        total_sales=settings.total_sales,
        start=settings.start,
        margin=1.0 if settings.margin is None else settings.margin,
    )


def _allocation(found: list[FirmMarket], money: list[Floats]) -> Allocation:
    outcomes = [one.outcome(part) for one, part in zip(found, money, strict=True)]
    share = np.array([float(o.share[one.firm]) for one, o in zip(found, outcomes, strict=True)])
    sales = np.array([float(o.sales[one.firm]) for one, o in zip(found, outcomes, strict=True)])
    profit = [
        np.nan if one.margin is None else float(o.payoff[one.firm])
        for one, o in zip(found, outcomes, strict=True)
    ]
    return Allocation(np.array(money), share, sales, np.array(profit))
