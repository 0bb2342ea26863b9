"""Plans on a market whose total sales answer to what the firm does."""

import numpy as np

from pipeline.config.sections.planning import PlanSettings
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import TotalForecast
from pipeline.forecasting.totals.answering import AnsweringTotal
from pipeline.planning.controls import Controls
from pipeline.planning.planner import Planner, Solution

# Total sales and plan have agreed when none of the former moves by more than this part.
_AGREEMENT = 1e-6
_ROUNDS = 8


def settled_planner(
    market: ForecastMarket, settings: PlanSettings, controls: Controls, total: TotalForecast
) -> tuple[Planner, Solution]:
    """Plan to the target of the settings, or the share held now, under the total sales that the plan brings.

    Plan and total sales are found in turn until they agree. While a plan is searched for, total sales stay:
    what a firm gains because the whole market grows by its efforts is counted in the money of the plan, but
    has no part in choosing among efforts.
    """
    course = total.course(ForecastResponse(market))
    sales = total.median
    for _ in range(_ROUNDS):
        planner = Planner(market, settings, controls, sales)
        plan = planner.solve(planner.start if settings.target is None else settings.target, settings.path)
        if not isinstance(course, AnsweringTotal):
            break
        following = course.sales(plan.course.share, plan.course.chosen)
        if np.abs(np.log(following / sales)).max() <= _AGREEMENT:
            break
        sales = following
    return planner, plan
