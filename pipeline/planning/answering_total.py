"""Plans on a market whose total sales answer to what the firm does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.totals.answering import AnsweringTotal, TotalSales

if TYPE_CHECKING:
    from pipeline.planning.planner import Planner, Solution

# Total sales and plan have agreed when none of the former moves by more than this part.
_AGREEMENT = 1e-6
_ROUNDS = 8


def settled_plan(
    planner_under: Callable[[Floats], "Planner"],
    plan: Callable[["Planner"], "Solution"],
    sales: Floats,
    course: TotalSales,
) -> tuple["Planner", "Solution"]:
    """Plan under the total sales (H,) that the plan brings, from ``sales`` on.

    Plan and total sales are found in turn until they agree. While a plan is searched for, total sales stay:
    what a firm gains because the whole market grows by its efforts is counted in the money of the plan, but
    has no part in choosing among efforts.
    """
    for _ in range(_ROUNDS):
        planner = planner_under(sales)
        found = plan(planner)
        if not isinstance(course, AnsweringTotal):
            break
        following = course.sales(found.course.share, found.course.chosen)
        if np.abs(np.log(following / sales)).max() <= _AGREEMENT:
            break
        sales = following
    return planner, found
