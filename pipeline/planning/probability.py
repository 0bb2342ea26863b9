"""How likely a plan is to reach its target when parameters and total sales are uncertain."""

from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.errors import PlanError
from pipeline.forecasting.draws import draw_parameters
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import TotalForecast
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.planning.planner import Planner, Solution


# A plan that ends on the target but for rounding reaches it, also where a draw changes nothing.
_ROUNDING = 1e-9


def probability_of_target(
    planner: "Planner", plan: "Solution", target: float, total: TotalForecast, replicates: Floats | None
) -> float:
    """Part of the draws in which a plan comes to the target or beyond; nan when none are asked for.

    Parameters
    ----------
    planner : Planner
        Market, firm, reactions of rivals; how many draws, and their seed.
    plan : Solution
        What the firm does.
    target : float
        Share wanted at the end.
    total : TotalForecast
        Total sales.
    replicates : (B, P) array or None
        Parameters to draw from; see `pipeline.forecasting.draws.draw_parameters`.

    Raises
    ------
    PlanError
        Shares cannot be computed under any draw.
    """
    market, settings = planner.market, planner.settings
    if settings.draws == 0:
        return float("nan")
    rng = np.random.default_rng(fit_seed(settings.seed, market.model, market.market))
    efforts, made, reached = planner.effort_plan(plan.own), 0, 0
    for sales in total.courses(planner.response, rng, settings.draws, noise=False):
        theta = draw_parameters(market, 1, rng, replicates)[0]
        try:
            response = ForecastResponse(market, theta)
            trajectory = simulate_trajectory(response, efforts, sales, plan.course.share)
        except (ValueError, ArithmeticError):
            continue
        above = float(trajectory.share[-1, planner.controls.firm]) - target
        reached += (above >= -_ROUNDING) if target >= planner.start else (above <= _ROUNDING)
        made += 1
    if made == 0:
        raise PlanError(
            f"Shares cannot be computed under any of {settings.draws} draws of the parameters of "
            f"{market.model}; ask for no draws (--set draws=0)."
        )
    return reached / made
