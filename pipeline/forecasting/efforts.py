"""Efforts of a scenario on one market: plans as arrays, money turned into ratios by the sales it brings."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import EffortChoice, RivalsSection, Scenario
from pipeline.errors import QueryError
from pipeline.forecasting.periods import one_per_period
from pipeline.forecasting.reactions import Reaction, fit_rule
from pipeline.models.effort_paths import effort_process
from pipeline.results.prices.index import PriceIndex, with_indices

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket


@dataclass(frozen=True, eq=False)
class EffortPlan:
    """Efforts of H periods, as far as they are known before the shares are.

    Attributes
    ----------
    value : (K, H, N) array
        Efforts in their own units, prices in currency in place of their indices; what they would be without
        money where there is a budget.
    budget : (K, H, N) array
        Money, currency per period; nan where the effort itself is given.
    is_ratio : (K,) array of bool
        Whether the effort is money over the firm's own sales; otherwise over X_ref.
    reference_sales : float
        X_ref.
    reaction : Reaction
    prices : tuple of PriceIndex
        Efforts of which firms set the price.
    joining : EffortPlan or None
        What firms do that enter later, beside the N firms of this plan, which do not react to them.
    present : (H, N + E) array of bool or None
        Who is there by the end of each period, with those E firms; None for everybody.
    """

    value: Floats
    budget: Floats
    is_ratio: NDArray[np.bool_]
    reference_sales: float
    reaction: Reaction
    prices: tuple[PriceIndex, ...] = ()
    joining: "EffortPlan | None" = None
    present: NDArray[np.bool_] | None = None

    @property
    def follows_sales(self) -> bool:
        """Whether efforts depend on the shares: some budget buys a ratio of sales."""
        own = bool(np.isfinite(self.budget[self.is_ratio]).any())
        return own or (self.joining is not None and self.joining.follows_sales)

    def efforts(self, share: Floats, total: Floats) -> Floats:
        """Return all efforts (K, H, N) at shares (H, N) and total sales (H,)."""
        return self.indexed(self.chosen(share, total))

    def indexed(self, chosen: Floats) -> Floats:
        """Turn what firms set (K, H, N) into efforts: a price is compared with those of who is there."""
        if self.present is None or not self.prices:
            return with_indices(self.prices, chosen)
        efforts = chosen.copy()
        for who in np.unique(self.present, axis=0):
            when = np.flatnonzero((self.present == who).all(axis=1))
            cells = np.ix_(range(len(chosen)), when, np.flatnonzero(who))
            efforts[cells] = with_indices(self.prices, chosen[cells])
        return efforts

    def chosen(self, share: Floats, total: Floats) -> Floats:
        """Return what firms set (K, H, N) at shares (H, N) and total sales (H,): prices, not indices."""
        if self.joining is not None:
            n_firms = self.value.shape[2]
            alone = self.alone.chosen(share[:, :n_firms], total)
            return np.concatenate([alone, self.joining.chosen(share[:, n_firms:], total)], axis=2)
        sales = share * total[:, np.newaxis]
        scale = np.where(self.is_ratio[:, np.newaxis, np.newaxis], sales, self.reference_sales)
        has_budget = np.isfinite(self.budget)
        bought = np.where(has_budget, self.budget, 0.0) / scale
        return self.reaction.apply(np.where(has_budget, bought, self.value))

    @property
    def alone(self) -> "EffortPlan":
        """The plan without those who enter."""
        return replace(self, joining=None, present=None)

    def with_values(self, firm: int, value: Floats) -> "EffortPlan":
        """Give one firm other efforts (K, H)."""
        changed, budget = self.value.copy(), self.budget.copy()
        changed[:, :, firm], budget[:, :, firm] = value, np.nan
        return replace(self, value=changed, budget=budget)

    def with_planned(self, planned: NDArray[np.bool_]) -> "EffortPlan":
        """Say which efforts (K, N) are planned, so that firms that plan none react to them."""
        return replace(self, reaction=replace(self.reaction, planned=planned))


def plan_efforts(scenario: Scenario, market: "ForecastMarket") -> EffortPlan:
    """Turn the plans of a scenario into arrays for one market.

    Raises
    ------
    QueryError
        A list of another length than the horizon, money for an index, or an effort outside the domain of its
        curve.
    """
    planners = [str(firm) in scenario.firms for firm in market.firms.tolist()]
    held = held_efforts(market, scenario.rivals, planners)
    value, budget, planned = held.value.copy(), held.budget.copy(), held.reaction.planned.copy()
    for firm, label in enumerate(market.firms.tolist()):
        for name, choice in scenario.plans(label).items():
            effort = market.efforts.index(name)
            planned[effort, firm] = True
            where = f"firm {label}, effort {name}"
            if choice.budget is not None:
                refuse_index(market, effort, where)
                budget[effort, :, firm] = one_per_period(choice.budget, market.horizon, f"values for {where}")
            else:
                budget[effort, :, firm] = np.nan
                value[effort, :, firm] = _value(choice, market, effort, firm, value[effort, :, firm], where)
    return replace(held, value=value, budget=budget).with_planned(planned)


def held_efforts(market: "ForecastMarket", rivals: RivalsSection, planners: list[bool]) -> EffortPlan:
    """Plan nothing: every firm goes on as in the last periods, and rivals react to firms that will plan.

    Parameters
    ----------
    market : ForecastMarket
    rivals : RivalsSection
        How firms react, and how many of the last periods are repeated.
    planners : list of bool
        Firms that will plan something; they never react.
    """
    base, floor = _repeated(market, rivals.last), np.array([domain.minimum for domain in market.domains])
    for price in market.prices:
        floor[price.effort] = price.lowest
    is_ratio = np.array([kind == "ratio" for kind in market.kinds])
    budget = np.full(base.shape, np.nan)
    if rivals.kind == "hold_budget":
        # Ratios times the sales of the last period, which is what the share is of.
        money = base * (market.share * market.past_sales[-1])
        reacting = ~np.array(planners)
        budget[np.ix_(is_ratio, np.ones(market.horizon, bool), reacting)] = money[is_ratio][..., reacting]
    reaction = Reaction(
        kind=rivals.kind,
        planned=np.zeros((len(market.efforts), market.firms.size), dtype=bool),
        base=base,
        before=market.chosen[:, -1],
        rule=fit_rule(market.chosen, market.active) if rivals.kind == "rule" else None,
        floor=floor,
    )
    return EffortPlan(base.copy(), budget, is_ratio, market.reference_sales, reaction, market.prices)


def varied_plans(
    plan: EffortPlan, market: "ForecastMarket", rivals: RivalsSection, count: int, rng: np.random.Generator
) -> list[EffortPlan]:
    """Draw plans in which efforts that are planned stay, and all others vary.

    Parameters
    ----------
    plan : EffortPlan
    market : ForecastMarket
    rivals : RivalsSection
        How firms react. Efforts that hold their last value go to their usual level at the pace that the past
        shows; those that repeat several periods vary around them. Money that is held varies as the ratio that
        it buys. Under a rule rivals deviate from it as they did, and it is drawn as far as it is known.
    count : int
        Plans drawn.
    rng : Generator

    Returns
    -------
    list of EffortPlan
        As given when there is nothing that could vary.
    """
    reaction = plan.reaction
    open_efforts = ~reaction.planned
    if len(market.active) < 2 or not open_efforts.any():
        return [plan] * count
    process = effort_process(market.chosen, market.active)
    around = None if rivals.last == 1 else reaction.base
    courses = process.draw(market.horizon, count, rng, around)
    noise = reaction.rule.draw(market.horizon, count, rng) if reaction.rule is not None else None
    free = open_efforts[:, np.newaxis]
    money = courses * (market.share * market.past_sales[-1])
    has_budget = np.isfinite(plan.budget)
    return [
        replace(
            plan,
            value=np.where(free, courses[number], plan.value),
            budget=np.where(free & has_budget, money[number], plan.budget),
            reaction=replace(
                reaction,
                base=np.where(free, courses[number], reaction.base),
                noise=None if noise is None else noise[number],
                rule=None if reaction.rule is None else reaction.rule.varied(rng),
            ),
        )
        for number in range(count)
    ]


def _repeated(market: "ForecastMarket", count: int) -> Floats:
    """Repeat the efforts of the last periods over the horizon; a firm repeats only those it was there for."""
    chosen = market.chosen
    n_efforts, n_times, n_firms = chosen.shape
    result = np.empty((n_efforts, market.horizon, n_firms))
    for firm in range(n_firms):
        repeated = min(count, _periods_since_entry(market.active[:, firm]))
        source = n_times - repeated + np.arange(market.horizon) % repeated
        result[:, :, firm] = chosen[:, source, firm]
    return result


def _periods_since_entry(active: NDArray[np.bool_]) -> int:
    """Count the periods since the last entry of a firm that is active (T,)."""
    away = np.flatnonzero(~active)
    return active.size - (int(away[-1]) + 1 if away.size else 0)


def _value(
    choice: EffortChoice, market: "ForecastMarket", effort: int, firm: int, base: Floats, where: str
) -> Floats:
    """Efforts (H,) of one firm as it chooses them, from what they would be without a plan (H,)."""
    what = f"values for {where}"
    if choice.last is not None:
        result = _repeated(market, choice.last)[effort, :, firm]
    elif choice.value is not None:
        result = one_per_period(choice.value, market.horizon, what)
    elif choice.add is not None:
        result = base + one_per_period(choice.add, market.horizon, what)
    else:
        assert choice.factor is not None
        result = base * one_per_period(choice.factor, market.horizon, what)
    return within_domain(result, market, effort, where)


def within_domain(result: Floats, market: "ForecastMarket", effort: int, where: str) -> Floats:
    """Give planned efforts (H,) of one firm back.

    Raises
    ------
    QueryError
        Outside the domain of their curve; a price that is not above 0.
    """
    if any(price.effort == effort for price in market.prices):
        if not (result > 0.0).all():
            raise QueryError(
                f"The plan of {where} comes to a price of {result.min():g} in market {market.market}; "
                "expected prices above 0, in the currency of the data."
            )
        return result
    domain = market.domains[effort]
    bad = ~(result > domain.minimum if domain.open else result >= domain.minimum)
    if bad.any():
        raise QueryError(
            f"The plan of {where} comes to {result[bad][0]:g} in market {market.market}; the curve "
            f"{market.curves[effort]} takes {domain}."
        )
    return result


def refuse_index(market: "ForecastMarket", effort: int, where: str) -> None:
    """Refuse money for an effort that no money buys."""
    if market.kinds[effort] == "index":
        money = [name for name, kind in zip(market.efforts, market.kinds, strict=True) if kind != "index"]
        raise QueryError(
            f"Got a budget for {where}, which is of kind index: no money buys it directly. Give its value, "
            f"or a budget for one of: {', '.join(money) or 'nothing (no effort costs money)'}."
        )
