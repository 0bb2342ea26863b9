"""Problems with certified results (NIST StRD), both starts of each, and plateaus."""

import numpy as np
import pytest
from least_squares_driver import SETTINGS, solve
from reference_problems import MODELS, read_problem

from kernels.least_squares.levenberg_marquardt import PLATEAU, STATUS

# The worst conditioned need several hundred evaluations from their far start; six digits of a parameter
# beside large residuals (ENSO) need more digits of the cost than six.
PATIENT = SETTINGS._replace(max_evaluations=1000, cost_tolerance=1e-14)


@pytest.mark.parametrize("name", MODELS)
def test_certified_parameters_are_reached_to_six_digits_from_both_starts(name):
    problem = read_problem(name)
    for start in problem.starts:
        # Compiled code lets an overflow become infinity; plain Python would warn of it.
        with np.errstate(over="ignore"):
            theta, cost, status, _ = solve(problem.evaluate, start, len(problem.observed), settings=PATIENT)
        assert status > 0, STATUS[status]
        np.testing.assert_allclose(theta, problem.certified, rtol=1e-6)
        # Lanczos1 is exact data: its certified sum of squares, 1e-25, is rounding.
        assert 2.0 * cost == pytest.approx(problem.sum_of_squares, rel=1e-6, abs=1e-20)


@pytest.mark.parametrize("first_radius", [100.0, 1e4])
def test_a_plateau_is_not_called_converged(first_radius):
    """A leap carries the rate of BoxBOD so far out that no observation feels it."""
    problem = read_problem("BoxBOD")
    settings = PATIENT._replace(first_radius=first_radius)
    theta, cost, status, _ = solve(
        problem.evaluate, problem.starts[0], len(problem.observed), settings=settings
    )
    assert theta[1] > 30.0
    assert 2.0 * cost > 2.0 * problem.sum_of_squares
    assert status == PLATEAU
