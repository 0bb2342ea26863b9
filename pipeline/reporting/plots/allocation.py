"""Drawing an allocation: the frontier of share and profit over the budget, and money by market."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pipeline.budgeting.allocate import AllocationAnswer
from pipeline.reporting.plots.files import plot_file, save_figure
from pipeline.reporting.plots.style import decades_axis, head, small_ticks

_MOST_MARKETS = 30
# Of the names of markets beside one another.
_LETTERS_ABREAST = 50


def plot_allocation(answer: AllocationAnswer, out: str | Path) -> Path:
    """Draw an allocation into a file.

    Raises
    ------
    QueryError
        Another kind of file than ``.png`` or ``.svg``.
    StoreError
        The file cannot be written.
    """
    return save_figure(draw_allocation(answer), plot_file(out))


def draw_allocation(answer: AllocationAnswer) -> Figure:
    """Draw the frontier on the left, money by market now and at best on the right."""
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = sorted([*answer.frontier, answer.best], key=lambda one: one.spent)
    total, earns = answer.total.sum(), np.isfinite(answer.best.profit).all()
    across = [one.profit.sum() if earns else one.spent for one in rows]
    left.plot(
        across, [one.sales.sum() / total for one in rows], color="C0", marker=".", label="best of each budget"
    )
    for one, name, color in ((answer.present, "now", "0.35"), (answer.best, "this budget", "C3")):
        at = one.profit.sum() if earns else one.spent
        left.plot([at], [one.sales.sum() / total], marker="x", linestyle="none", color=color, label=name)
    left.set_xlabel("profit per period" if earns else "money per period", fontsize=8)
    left.set_ylabel("share of all markets", fontsize=8)
    shown = np.argsort(-answer.best.money.sum(axis=1), kind="stable")[:_MOST_MARKETS]
    place = np.arange(shown.size)
    right.bar(place - 0.2, answer.present.money.sum(axis=1)[shown], 0.4, color="0.35")
    right.bar(place + 0.2, answer.best.money.sum(axis=1)[shown], 0.4, color="C3")
    names = [str(answer.markets[number]) for number in shown.tolist()]
    crowded = sum(map(len, names)) > _LETTERS_ABREAST
    right.set_xticks(place, names, rotation=60 if crowded else 0, ha="right" if crowded else "center")
    right.set_xlabel("market", fontsize=8)
    right.set_ylabel("money per period", fontsize=8)
    for axes in (left, right):
        small_ticks(axes)
    decades_axis(right, "y", answer.present.money.sum(axis=1)[shown], answer.best.money.sum(axis=1)[shown])
    head(figure, f"{answer.firm}: money over {len(answer.markets)} markets", left)
    return figure
