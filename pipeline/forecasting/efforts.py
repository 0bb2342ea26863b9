"""Efforts of a scenario on one market: plans as arrays, money turned into ratios by the sales it brings."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.scenario import EffortChoice, PerPeriod, RivalsSection, Scenario
from pipeline.errors import QueryError
from pipeline.forecasting.market import FutureMarket
from pipeline.forecasting.reactions import Reaction, fit_rule

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EffortPlan:
    """Efforts of H periods, as far as they are known before the shares are.

    Attributes
    ----------
    value : (K, H, N) array
        Efforts in their own units; what they would be without money where there is a budget.
    budget : (K, H, N) array
        Money, currency per period; nan where the effort itself is given.
    is_ratio : (K,) array of bool
        Whether the effort is money over the firm's own sales; otherwise over X_ref.
    reference_sales : float
        X_ref.
    reaction : Reaction
    """

    value: Floats
    budget: Floats
    is_ratio: NDArray[np.bool_]
    reference_sales: float
    reaction: Reaction

    @property
    def follows_sales(self) -> bool:
        """Whether efforts depend on the shares: some budget is a ratio of sales."""
        return bool(np.isfinite(self.budget[self.is_ratio]).any())

    def efforts(self, share: Floats, total: Floats) -> Floats:
        """Return all efforts (K, H, N) at shares (H, N) and total sales (H,)."""
        sales = share * total[:, np.newaxis]
        scale = np.where(self.is_ratio[:, np.newaxis, np.newaxis], sales, self.reference_sales)
        given = np.isfinite(self.budget)
        return self.reaction.apply(np.where(given, np.where(given, self.budget, 0.0) / scale, self.value))

    def with_values(self, firm: int, value: Floats) -> "EffortPlan":
        """Give one firm other efforts (K, H)."""
        changed, budget = self.value.copy(), self.budget.copy()
        changed[:, :, firm], budget[:, :, firm] = value, np.nan
        return replace(self, value=changed, budget=budget)


def plan_efforts(scenario: Scenario, market: FutureMarket) -> EffortPlan:
    """Turn the plans of a scenario into arrays for one market.

    Raises
    ------
    QueryError
        A list of another length than the horizon, money for an index, or an effort outside the domain of its
        curve.
    """
    plan = held_efforts(
        market, scenario.rivals, [str(firm) in scenario.firms for firm in market.firms.tolist()]
    )
    value, budget, planned = plan.value.copy(), plan.budget.copy(), plan.reaction.planned.copy()
    for firm, label in enumerate(market.firms.tolist()):
        for name, choice in scenario.plans(label).items():
            effort = market.efforts.index(name)
            planned[effort, firm] = True
            where = f"firm {label}, effort {name}"
            if choice.budget is not None:
                _refuse_index(market, effort, where)
                budget[effort, :, firm] = _course(choice.budget, market.horizon, where)
            else:
                budget[effort, :, firm] = np.nan
                value[effort, :, firm] = _value(choice, market, effort, firm, value[effort, :, firm], where)
    return replace(plan, value=value, budget=budget, reaction=replace(plan.reaction, planned=planned))


def held_efforts(market: FutureMarket, rivals: RivalsSection, planners: list[bool]) -> EffortPlan:
    """Plan nothing: every firm goes on as in the last periods, and rivals react to firms that will plan.

    Parameters
    ----------
    market : FutureMarket
    rivals : RivalsSection
        How firms react, and how many of the last periods are repeated.
    planners : list of bool
        Firms that will plan something; they never react.
    """
    base = _repeated(market, rivals.last)
    is_ratio = np.array([kind == "ratio" for kind in market.kinds])
    budget = np.full(base.shape, np.nan)
    if rivals.kind == "hold_budget":
        money = _repeated_money(market, rivals.last)
        reacting = ~np.array(planners)
        budget[np.ix_(is_ratio, np.ones(market.horizon, bool), reacting)] = money[is_ratio][..., reacting]
    reaction = Reaction(
        kind=rivals.kind,
        planned=np.zeros((len(market.efforts), market.firms.size), dtype=bool),
        base=base,
        before=market.history[:, -1],
        rule=fit_rule(market) if rivals.kind == "rule" else None,
        floor=np.array([domain.minimum for domain in market.domains]),
    )
    return EffortPlan(base.copy(), budget, is_ratio, market.reference_sales, reaction)


def _repeated(market: FutureMarket, count: int) -> Floats:
    """Repeat the efforts of the last periods over the horizon; a firm repeats only those it was there for."""
    n_efforts, n_times, n_firms = market.history.shape
    result = np.empty((n_efforts, market.horizon, n_firms))
    for firm in range(n_firms):
        stay = _stay(market, firm)
        kept = min(count, stay, n_times)
        places = n_times - kept + np.arange(market.horizon) % kept
        result[:, :, firm] = market.history[:, places, firm]
    return result


def _stay(market: FutureMarket, firm: int) -> int:
    """Periods since the firm's last entry."""
    away = np.flatnonzero(~market.active[:, firm])
    return market.active.shape[0] - (int(away[-1]) + 1 if away.size else 0)


def _repeated_money(market: FutureMarket, count: int) -> Floats:
    """Money of the last periods: ratios times the sales of the last period, which is what the share is of."""
    return _repeated(market, count) * (market.share * market.past_sales[-1])


def _value(
    choice: EffortChoice, market: FutureMarket, effort: int, firm: int, base: Floats, where: str
) -> Floats:
    if choice.last is not None:
        result = _repeated(market, choice.last)[effort, :, firm]
    elif choice.value is not None:
        result = _course(choice.value, market.horizon, where)
    elif choice.add is not None:
        result = base + _course(choice.add, market.horizon, where)
    else:
        assert choice.factor is not None
        result = base * _course(choice.factor, market.horizon, where)
    domain = market.domains[effort]
    bad = ~(result > domain.minimum if domain.open else result >= domain.minimum)
    if bad.any():
        raise QueryError(
            f"The plan of {where} comes to {result[bad][0]:g} in market {market.market}; the curve "
            f"{market.curves[effort]} takes {domain}."
        )
    return result


def _refuse_index(market: FutureMarket, effort: int, where: str) -> None:
    if market.kinds[effort] == "index":
        money = [name for name, kind in zip(market.efforts, market.kinds, strict=True) if kind != "index"]
        raise QueryError(
            f"Got a budget for {where}, which is of kind index: no money buys it directly. Give its value, "
            f"or a budget for one of: {', '.join(money) or 'nothing (no effort costs money)'}."
        )


def _course(course: PerPeriod, horizon: int, where: str) -> Floats:
    values = np.atleast_1d(np.asarray(course, dtype=float))
    if values.size not in (1, horizon):
        raise QueryError(
            f"Got {values.size} values for {where}; expected one, or one for each of the {horizon} periods."
        )
    return np.broadcast_to(values, horizon).copy()
