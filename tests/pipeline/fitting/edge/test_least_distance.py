"""The shortest vector under inequalities: against quadratic programming, and where there is none."""

import numpy as np
import pytest
from scipy import optimize

from pipeline.fitting.edge.least_distance import least_distance


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_shortest_one(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, 5)) * 10.0 ** rng.uniform(-3.0, 3.0, (60, 1))
    least = rows @ rng.normal(size=5) - rng.exponential(size=60) * np.linalg.norm(rows, axis=1)
    found = least_distance(rows, least)
    length = np.linalg.norm(rows, axis=1)
    assert ((rows @ found - least) / length).min() > -1e-12
    referee = optimize.minimize(
        lambda z: 0.5 * z @ z,
        np.zeros(5),
        jac=lambda z: z,
        method="SLSQP",
        constraints={
            "type": "ineq",
            "fun": lambda z: (rows @ z - least) / length,
            "jac": lambda _: rows / length[:, np.newaxis],
        },
        options={"ftol": 1e-15},
    )
    assert np.linalg.norm(referee.x) > 0.1
    assert found == pytest.approx(referee.x, abs=1e-7)


def test_nothing_to_keep_is_no_way_at_all():
    assert least_distance(np.ones((2, 3)), -np.ones(2)).tolist() == [0.0] * 3
    assert least_distance(np.empty((0, 3)), np.empty(0)).tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("rows", "least"),
    [
        ([[1.0, 0.0], [-1.0, 0.0]], [1.0, 0.0]),
        ([[0.0, 0.0]], [1.0]),
        ([[1e-3, 0.0], [-1e3, 0.0]], [1.0, 1.0]),
    ],
)
def test_constraints_that_contradict_each_other_have_no_solution(rows, least):
    assert least_distance(np.array(rows), np.array(least)) is None
