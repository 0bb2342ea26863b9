"""The 20/80 rule, ranking and redistribution."""

import itertools

import numpy as np
import pytest

from kernels.response.pareto import pareto_table, pareto_weights
from kernels.response.response import ResponseError, compose


@pytest.mark.parametrize("n", [1, 2, 5, 17])
def test_weights_fall_and_sum_to_one(n):
    weights = pareto_weights(n)
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert (np.diff(weights) < 0).all()


def test_one_type_in_five_brings_eighty_percent():
    assert pareto_weights(5)[0] == pytest.approx(0.8, abs=1e-15)
    assert pareto_weights(10)[:2].sum() == pytest.approx(0.8, abs=1e-15)


def test_no_types_is_refused():
    with pytest.raises(ValueError, match="got 0 types"):
        pareto_weights(0)


def test_table_has_a_row_for_each_number_of_types():
    table = pareto_table(4)
    assert table.shape == (5, 4)
    np.testing.assert_allclose(table.sum(axis=1), [0, 1, 1, 1, 1])


def expected(u, order):
    """Composite effort by plain Python: rank those used, weigh, add."""
    total = np.zeros(u.shape[1:])
    for cell in np.ndindex(*u.shape[1:]):
        used = [k for k in order if u[(k, *cell)] != 0.0]
        total[cell] = sum(
            w * u[(k, *cell)] for k, w in zip(used, pareto_weights(max(len(used), 1)), strict=False)
        )
    return total


def test_every_order_ranks_and_redistributes():
    rng = np.random.default_rng(1)
    u = rng.gamma(2.0, 0.1, (3, 8, 4)) * (rng.random((3, 8, 4)) < 0.7)
    for order in itertools.permutations(range(3)):
        response = compose(["pareto"] * 3, efforts=u, order=order)
        assert [p.name for p in response.parameters] == ["pareto"]
        composite = expected(u, order)
        theta = np.array([2.5])
        np.testing.assert_allclose(response.evaluate(theta, u), 2.5 * composite, rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(response.gradient(theta, u)[0], composite, rtol=1e-14, atol=1e-16)


def test_a_type_that_nobody_uses_changes_nothing():
    rng = np.random.default_rng(2)
    u = rng.gamma(2.0, 0.1, (3, 6, 3))
    u[1] = 0.0
    with_it = compose(["pareto"] * 3, efforts=u, order=(1, 2, 0)).evaluate(np.array([1.5]), u)
    without = compose(["pareto"] * 2, efforts=u[[0, 2]], order=(1, 0)).evaluate(np.array([1.5]), u[[0, 2]])
    np.testing.assert_allclose(with_it, without, rtol=1e-15)


def test_other_efforts_keep_curves_of_their_own():
    rng = np.random.default_rng(3)
    u = rng.gamma(2.0, 0.1, (3, 6, 3))
    response = compose(["linear", "pareto", "pareto"], efforts=u, order=(2, 1))
    f = response.evaluate(np.array([0.7, 1.5]), u)
    np.testing.assert_allclose(f, 0.7 * u[0] + 1.5 * expected(u[1:], (1, 0)), rtol=1e-14)


@pytest.mark.parametrize("order", [None, (0,), (0, 0), (0, 1, 2)])
def test_an_order_must_name_each_ranked_effort_once(order):
    with pytest.raises(ResponseError, match=r"must name each effort with the curve 'pareto' once: \[0, 1\]"):
        compose(["pareto", "pareto"], efforts=np.ones((2, 3, 2)), order=order)
