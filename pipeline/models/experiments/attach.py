"""The experiments of a market, with their courses as a model sees them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.residual import MarketData
from kernels.response.response import Response
from pipeline.models.experiments.courses import compared_courses
from pipeline.models.experiments.rows import ExperimentRows
from pipeline.panel.market import MarketArrays


def experiment_rows(
    market: MarketArrays,
    arranged: Callable[[MarketArrays, int], MarketData],
    response: Response,
    gamma_form: int,
    column: NDArray[np.int64],
    *,
    corrected: bool,
    of_errors: int,
) -> ExperimentRows | None:
    """Lay out the experiments of a market under a model; None without any.

    Parameters
    ----------
    market : MarketArrays
        The periods fitted.
    arranged : callable
        Takes a market, and the period before which the gain corrects its states, to what the kernels take.
    response, gamma_form, column, of_errors
        Of the model; see `ExperimentRows`.
    corrected : bool
        Whether the gain corrects states.

    Raises
    ------
    kernels.response.response.ResponseError
        A value of an effort lies outside the domain of its curve.
    """
    if not market.experiments:
        return None
    courses = []
    for one in market.experiments:
        until = one.first + 1 if corrected else 0
        before, after = (arranged(course, until) for course in compared_courses(market, one))
        for data in (before, after):
            response.check(data.efforts, data.active)
        courses.append((before, after))
    return ExperimentRows(market.experiments, courses, response.spec, gamma_form, column, of_errors)
