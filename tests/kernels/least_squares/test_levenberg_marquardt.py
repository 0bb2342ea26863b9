"""Classical test problems (Moré, Garbow & Hillstrom 1981) and the guarantees of the optimiser."""

import math

import numpy as np
import pytest
from least_squares_driver import SETTINGS, solve

from kernels.least_squares.levenberg_marquardt import (
    EVALUATIONS_EXHAUSTED,
    NOTHING_PROMISED,
    START_FAILED,
    STATUS,
    STEPS_FAILED,
    normal_equations,
)
from kernels.numeric.jit import jit


@jit
def rosenbrock(problem, theta, residual, jacobian):
    residual[0] = 10.0 * (theta[1] - theta[0] ** 2)
    residual[1] = 1.0 - theta[0]
    jacobian[0, 0], jacobian[0, 1] = -20.0 * theta[0], -1.0
    jacobian[1, 0], jacobian[1, 1] = 10.0, 0.0
    return 0


@jit
def meyer(problem, theta, residual, jacobian):
    for k in range(16):
        t = 45.0 + 5.0 * (k + 1)
        e = math.exp(min(theta[1] / (t + theta[2]), 300.0))
        residual[k] = theta[0] * e - problem[k]
        jacobian[0, k] = e
        jacobian[1, k] = theta[0] * e / (t + theta[2])
        jacobian[2, k] = -theta[0] * e * theta[1] / (t + theta[2]) ** 2
    return 0


@jit
def powell_singular(problem, theta, residual, jacobian):
    a, b, c, d = theta
    residual[0] = a + 10.0 * b
    residual[1] = math.sqrt(5.0) * (c - d)
    residual[2] = (b - 2.0 * c) ** 2
    residual[3] = math.sqrt(10.0) * (a - d) ** 2
    jacobian[:] = 0.0
    jacobian[0, 0], jacobian[1, 0] = 1.0, 10.0
    jacobian[2, 1], jacobian[3, 1] = math.sqrt(5.0), -math.sqrt(5.0)
    jacobian[1, 2], jacobian[2, 2] = 2.0 * (b - 2.0 * c), -4.0 * (b - 2.0 * c)
    jacobian[0, 3] = 2.0 * math.sqrt(10.0) * (a - d)
    jacobian[3, 3] = -jacobian[0, 3]
    return 0


@jit
def line(problem, theta, residual, jacobian):
    """A straight line whose intercept and slope enter twice: two columns are always collinear."""
    for k in range(problem.size):
        residual[k] = theta[0] + theta[1] + theta[2] * k - problem[k]
        jacobian[0, k] = jacobian[1, k] = 1.0
        jacobian[2, k] = k
    return 0


@jit
def root_of_distance(problem, theta, residual, jacobian):
    """Defined for positive parameters only, with its minimum at the edge of the domain."""
    if theta[0] <= problem[0]:
        return 1
    residual[0] = theta[0] + 1.0
    jacobian[0, 0] = 1.0
    return 0


MEYER_DATA = np.array(
    [
        34780.0,
        28610.0,
        23650.0,
        19630.0,
        16370.0,
        13720.0,
        11540.0,
        9744.0,
        8261.0,
        7030.0,
        6005.0,
        5147.0,
        4427.0,
        3820.0,
        3307.0,
        2872.0,
    ]
)


def test_rosenbrock_is_solved_exactly():
    theta, cost, status, evaluations = solve(rosenbrock, [-1.2, 1.0], 2)
    np.testing.assert_allclose(theta, 1.0, rtol=1e-10)
    assert cost < 1e-20
    assert status > 0
    assert evaluations < 40


def test_meyer_reaches_the_published_minimum():
    theta, cost, status, _ = solve(meyer, [0.02, 4000.0, 250.0], 16, problem=MEYER_DATA)
    assert status > 0
    assert 2.0 * cost == pytest.approx(87.9458, rel=1e-6)
    np.testing.assert_allclose(theta, [0.005610, 6181.35, 345.224], rtol=1e-3)


def test_a_singular_minimum_is_approached():
    theta, cost, _, _ = solve(
        powell_singular, [3.0, -1.0, 0.0, 1.0], 4, settings=SETTINGS._replace(max_evaluations=40)
    )
    assert cost < 1e-25
    np.testing.assert_allclose(theta, 0.0, atol=1e-6)


def test_collinear_parameters_do_not_stop_the_fit():
    data = np.array([1.0, 2.5, 2.0, 4.5, 4.0])
    theta, cost, status, _ = solve(line, [0.0, 0.0, 0.0], 5, problem=data)
    slope, intercept = np.polyfit(np.arange(5), data, 1)
    assert status > 0
    np.testing.assert_allclose([theta[0] + theta[1], theta[2]], [intercept, slope], rtol=1e-8)
    assert cost == pytest.approx(0.5 * np.sum((intercept + slope * np.arange(5) - data) ** 2), rel=1e-12)


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ([-2.0, -2.0], [0.5, 2.0], [0.5, 0.25]),
        ([-2.0, -2.0], [2.0, 0.3], None),
        ([1.5, -2.0], [3.0, 2.25], [1.5, 2.25]),
    ],
)
def test_bounds_hold_at_every_point_and_the_constrained_minimum_is_found(lower, upper, expected):
    from scipy.optimize import least_squares

    start = np.clip([-1.2, 1.0], lower, upper)
    theta, cost, status, _ = solve(rosenbrock, start, 2, lower=lower, upper=upper)
    reference = least_squares(
        lambda x: [10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]],
        np.clip(start, np.add(lower, 1e-3), np.subtract(upper, 1e-3)),
        bounds=(lower, upper),
        ftol=1e-14,
        xtol=1e-14,
        gtol=1e-14,
    )
    assert status > 0
    assert np.all(theta >= lower)
    assert np.all(theta <= upper)
    assert cost == pytest.approx(reference.cost, rel=1e-8)
    if expected is not None:
        np.testing.assert_allclose(theta, expected, rtol=1e-8)


def test_a_start_that_cannot_be_evaluated_is_reported_and_left_alone():
    theta, cost, status, evaluations = solve(root_of_distance, [-1.0], 1)
    assert (theta[0], cost, status, evaluations) == (-1.0, math.inf, START_FAILED, 1)


def test_failed_trials_are_rejected_steps():
    """The minimum lies beyond the edge of the domain at 0.5: every improvement runs into it."""
    theta, cost, status, _ = solve(root_of_distance, [2.0], 1, problem=np.array([0.5]))
    assert status == STEPS_FAILED
    assert 0.5 < theta[0] < 0.5 + 1e-6
    assert cost == pytest.approx(0.5 * (theta[0] + 1.0) ** 2)


def test_the_limit_of_evaluations_is_kept():
    *_, status, evaluations = solve(rosenbrock, [-1.2, 1.0], 2, settings=SETTINGS._replace(max_evaluations=5))
    assert (status, evaluations) == (EVALUATIONS_EXHAUSTED, 5)


def test_a_fit_may_end_where_little_is_promised():
    start = [0.02, 4000.0, 250.0]
    best, lowest, *_, all_evaluations = solve(meyer, start, 16, problem=MEYER_DATA)
    # Loose, and so that only a promise can end the fit.
    hasty = SETTINGS._replace(cost_tolerance=0.0, step_tolerance=0.0, promise_tolerance=1e-6)
    theta, cost, status, evaluations = solve(meyer, start, 16, problem=MEYER_DATA, settings=hasty)
    assert STATUS[status] == STATUS[NOTHING_PROMISED]
    assert evaluations < all_evaluations
    assert lowest <= cost <= lowest * (1.0 + 2e-6)
    assert theta == pytest.approx(best, rel=1e-2)


def test_normal_equations_report_what_is_not_finite():
    normal, gradient = np.zeros((2, 2)), np.zeros(2)
    jacobian = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 4.0]])
    residual = np.array([1.0, -1.0, 2.0])
    assert normal_equations(jacobian, residual, normal, gradient)
    np.testing.assert_allclose(np.tril(normal), np.tril(jacobian @ jacobian.T))
    np.testing.assert_allclose(gradient, jacobian @ residual)
    jacobian[0, 1] = np.nan
    assert not normal_equations(jacobian, residual, normal, gradient)


def test_every_status_has_a_sentence():
    assert all(text.endswith(".") and text[0].isupper() for text in STATUS.values())
    assert {code > 0 for code, text in STATUS.items() if text.startswith("Converged")} == {True}
