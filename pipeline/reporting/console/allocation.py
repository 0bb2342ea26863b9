"""Allocations of money over markets as tables: for people, and flat for programs."""

import numpy as np
from rich.console import Console

from pipeline.budgeting.allocate import Allocation, AllocationAnswer
from pipeline.reporting.console.printing import print_facts, print_sentence, print_table
from pipeline.results.frames.table import Table

#: Columns that lines of a terminal have no room for.
_FOR_PROGRAMS = ("sales", "profit_now", "target_held", "model")


def frontier_table(answer: AllocationAnswer) -> Table:
    """One row for every budget of the frontier: money, share of all markets, sales, profit."""
    rows = sorted([*answer.frontier, answer.best], key=lambda one: one.spent)
    columns = {
        "money": np.array([one.spent for one in rows]),
        "share": np.array([one.sales.sum() / answer.total.sum() for one in rows]),
        "sales": np.array([one.sales.sum() for one in rows]),
    }
    profit = np.array([one.profit.sum() for one in rows])
    return Table(columns | ({"profit": profit} if np.isfinite(profit).all() else {}))


def show_allocation(console: Console, answer: AllocationAnswer) -> None:
    """Print the answer first, then markets and the frontier."""
    facts = {"now": _facts(answer, answer.present), "best": _facts(answer, answer.best)}
    facts["budget"] = f"{answer.budget:.4g} per period, over {len(answer.markets)} markets"
    if answer.target is not None:
        cost = sum(one.cost for one in answer.holdings)
        missing = [
            f"{market} ({one.share:.4g})"
            for market, one in zip(answer.markets, answer.holdings, strict=True)
            if not one.feasible
        ]
        facts["target"] = f"{answer.target:.4g} in every market costs {cost:.4g} per period"
        if missing:
            facts["target"] = f"{answer.target:.4g} is beyond the bounds in {', '.join(missing)}"
    print_facts(console, answer.title, facts)
    table = answer.table
    names = [name for name in table.columns if name not in _FOR_PROGRAMS]
    print_table(console, "Markets, currency per period", table.select(names))
    print_table(console, "Frontier: the best of every budget", frontier_table(answer))
    for note in answer.notes:
        print_sentence(console, f"Note: {note}")


def _facts(answer: AllocationAnswer, one: Allocation) -> str:
    share = one.sales.sum() / answer.total.sum()
    text = f"{one.spent:.4g} per period brings sales of {one.sales.sum():.4g}, a share of {share:.4g}"
    profit = float(one.profit.sum())
    return text + (f", and a profit of {profit:.4g}" if np.isfinite(profit) else "")
