"""Money over markets, against brute force; and what a share costs, against what it costs in each market."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from plain_market import plain_market, steady_total
from priced_market import priced_market, with_money

from pipeline.budgeting.allocate import allocate_among, best_allocation, firm_market, hold_everywhere
from pipeline.config.sections.allocation import AllocationSettings
from pipeline.config.sections.game import GameSettings
from pipeline.errors import PlanError
from pipeline.reporting.console.allocation import frontier_table
from pipeline.reporting.plots.allocation import draw_allocation


def markets(
    margin=None,
    kinds=("amount", "ratio"),
    curves=("michaelis_menten", "sqrt"),
    theta=(0.3, 0.05, 0.4),
    **given,
):
    """Two markets of one firm: the second one is larger, and its rivals stronger."""
    settings = AllocationSettings(firm="A", margin=margin, widen=3.0, **given)
    game = GameSettings(margin=1.0 if margin is None else margin)
    found = []
    for sales, rival in ((50.0, 0.1), (80.0, 0.3)):
        market = plain_market(
            [0.4, 0.6],
            [[0.1, rival], [0.08, 0.05]],
            curves=["michaelis_menten", "sqrt"],
            theta=np.array([0.3, 0.05, 0.4]),
            kinds=list(kinds),
            sales=sales,
            gamma=0.0,
        )
        found.append(firm_market(market, settings, game, steady_total(market, sales)))
    return settings, found


@pytest.mark.parametrize("margin", [None, 0.4])
def test_the_allocation_is_that_of_brute_force(margin):
    _, found = markets(margin, budget=12.0)
    best = best_allocation(found, 12.0)
    got = best.sales.sum() if margin is None else best.profit.sum()
    assert best.spent <= 12.0 * (1 + 1e-9)
    # One table for each market: what every split between its efforts brings at best at each sum.
    parts = np.linspace(0.0, 12.0, 61)
    tables = []
    for one in found:
        table = np.full(parts.size, -np.inf)
        for i, j in product(range(parts.size), repeat=2):
            money = np.array([parts[i], parts[j]])
            if i + j < parts.size and (money <= one.most + 1e-9).all():
                outcome = one.outcome(np.maximum(money, one.least))
                sales = outcome.share[0] * one.model.total.mean()
                table[i + j] = max(table[i + j], sales if margin is None else outcome.payoff[0])
        tables.append(table)
    brute = max(
        tables[0][i] + tables[1][j]
        for i, j in product(range(parts.size), repeat=2)
        if (i + j == parts.size - 1 if margin is None else i + j < parts.size)
    )
    assert got >= brute * (1 - 1e-3)
    assert got == pytest.approx(brute, rel=2e-2)  # the grid is coarse


def test_more_money_brings_more_and_ever_less_of_it():
    settings, found = markets(budget=10.0, frontier=5)
    answer = allocate_among(found, settings)
    table = frontier_table(answer)
    assert len(table) == 6
    np.testing.assert_allclose(answer.best.spent, 10.0, rtol=1e-6)
    rate = np.diff(table["sales"]) / np.diff(table["money"])
    assert (rate > 0).all()
    assert (np.diff(rate) < 1e-6).all()
    assert answer.best.sales.sum() >= answer.present.sales.sum() * (answer.present.spent <= 10.0)
    assert [axes.get_xlabel() for axes in draw_allocation(answer).axes] == ["money per period", "market"]


def test_money_that_does_not_pay_is_kept():
    _, found = markets(margin=0.2, budget=40.0)
    best = best_allocation(found, 40.0)
    assert best.spent < 35.0
    # At the margin a unit of money earns a unit.
    for one, money in zip(found, best.money, strict=True):
        inside = (money > 1e-3) & (money < one.most - 1e-3)
        assert np.abs(one.brings(money)[1][inside]).max(initial=0.0) < 1e-3


def test_a_share_in_all_markets_costs_what_holds_it_in_each():
    settings, found = markets(target=0.35, kinds=("amount", "amount"))
    for one in found:
        holding = hold_everywhere(one, settings)
        assert holding.feasible
        money = holding.efforts * one.market.reference_sales
        assert money.sum() == pytest.approx(holding.cost, rel=1e-9)
        # Played in the long run, this money holds the share.
        assert one.outcome(money).share[0] == pytest.approx(0.35, rel=1e-6)


def test_prices_that_firms_set_stay_while_money_is_spread():
    market, history = priced_market()
    both = with_money(market, 2.0)
    settings = AllocationSettings(firm="A", margin=0.4, widen=3.0, target=0.35)
    game = GameSettings(margin=0.4)
    one = firm_market(both, settings, game, steady_total(both))
    best = best_allocation([one], 6.0)
    assert best.money.shape == (1, 1)
    usual = history[:, 0].mean()
    earned = (1 - 0.6 * usual / history[-1, 0]) * best.sales[0] - best.money.sum()
    assert best.profit[0] == pytest.approx(earned, rel=1e-6)
    # What a share costs may be a price, though.
    assert hold_everywhere(one, settings).feasible
    only = replace(market, kinds=("index",))
    with pytest.raises(PlanError, match="Prices that firms set stay as they are in an allocation"):
        firm_market(only, settings, game, steady_total(only))
