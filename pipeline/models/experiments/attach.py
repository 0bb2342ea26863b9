"""The experiments of a market, with their courses as a model sees them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.entries import entering_firms
from kernels.least_squares.residual import MarketData
from kernels.response.response import Response
from pipeline.models.experiments.courses import compared_courses
from pipeline.models.experiments.rows import ExperimentRows
from pipeline.panel.market import MarketArrays


def experiment_rows(
    market: MarketArrays,
    arranged: Callable[[MarketArrays, int, int], MarketData],
    response: Response,
    fitted: MarketData,
    gamma_form: int,
    column: NDArray[np.int64],
) -> ExperimentRows | None:
    """Lay out the experiments of a market under a model; None without any.

    Parameters
    ----------
    market : MarketArrays
        The periods fitted.
    arranged : callable
        Takes a market, the period before which the gain corrects its states, and how many of its entries
        have a parameter, to what the kernels take.
    response, fitted, gamma_form, column
        Of the model; see `ExperimentRows`.

    Raises
    ------
    kernels.response.response.ResponseError
        A value of an effort lies outside the domain of its curve.
    """
    if not market.experiments:
        return None
    courses = []
    for one in market.experiments:
        until = one.first + 1 if fitted.corrected else 0
        entered = min(int(entering_firms(market.active[: one.last + 1]).sum()), fitted.entries)
        before, after = (arranged(course, until, entered) for course in compared_courses(market, one))
        for data in (before, after):
            response.check(data.efforts, data.active)
        courses.append((before, after))
    return ExperimentRows(market.experiments, courses, response.spec, fitted, gamma_form, column)
