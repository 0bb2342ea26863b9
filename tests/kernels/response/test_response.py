"""Responses put together: links, effects, sharing, absence, domains, starts."""

import pickle

import numpy as np
import pytest

from kernels.response.catalogue import CURVES, FAMILIES, Domain, user_curve
from kernels.response.evaluate import (
    NON_FINITE,
    OK,
    evaluate,
    evaluate_effort_gradient,
    make_workspace,
    prepare,
)
from kernels.response.parameter import Parameter
from kernels.response.response import ResponseError, compose

RNG = np.random.default_rng(11)
K, T, N = 3, 6, 4
EFFORT = RNG.gamma(2.0, 0.1, (K, T, N)) + 0.01
# Composed on other data than evaluated on: no effort lies on the outer knots, where splines have a kink.
PAST = 1.05 * EFFORT
ACTIVE = np.ones((T, N), bool)
ACTIVE[:2, 3] = False
ACTIVE[5, 0] = False
MINE = user_curve(
    "mine",
    "k * u / (h + u)",
    (Parameter("k", "1", -5.0, 5.0, 0.7, 0.1, 2.0), Parameter("h", "1", 0.01, 5.0, 0.4, 0.1, 2.0)),
)
MIXED = ["hill", MINE, "ispline"]


def family(name, effects="none", **options):
    record = FAMILIES[name]
    order = tuple(range(K)) if record.ranked else None
    return compose(
        [record.curve] * K,
        efforts=PAST,
        active=ACTIVE,
        link=record.link,
        effects=effects,
        order=order,
        **options,
    )


def assert_gradients_are_differences(response, theta, active=ACTIVE, effort_too=True):
    duration = np.array([1.0, 2, 1, 0.5, 1, 1])
    gradient = response.gradient(theta, EFFORT, duration, active)
    for p in range(theta.size):
        step = np.zeros(theta.size)
        step[p] = 2e-6 * max(abs(theta[p]), 0.1)
        change = response.evaluate(theta + step, EFFORT, duration, active)
        change = (change - response.evaluate(theta - step, EFFORT, duration, active)) / (2 * step[p])
        change = np.where(active, change, 0.0)
        assert np.abs(gradient[p] - change).max() <= 1e-7 * max(np.abs(change).max(), 1e-2), (
            response.parameters[p]
        )
    if effort_too:
        slopes = response.effort_gradient(theta, EFFORT, duration, active)
        for k in range(K):
            # Carry-over passes a change on to later periods, so periods are changed one at a time.
            for t in range(T):
                step = np.zeros(EFFORT.shape)
                step[k, t] = 1e-6
                change = response.evaluate(theta, EFFORT + step, duration, active)
                change = (change - response.evaluate(theta, EFFORT - step, duration, active))[t] / 2e-6
                change = np.where(active[t], change, 0.0)
                assert np.abs(slopes[k, t] - change).max() <= 2e-7 * max(np.abs(change).max(), 1e-2)


def nearby(response, seed=0):
    """A point inside the box of starts, away from the start itself."""
    rng = np.random.default_rng(seed)
    return np.array(
        [rng.uniform(0.7 * p.low + 0.3 * p.high, 0.3 * p.low + 0.7 * p.high) for p in response.parameters]
    )


@pytest.mark.parametrize("effects", ["none", "constant", "free", "zero-sum"])
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_of_every_family_with_every_kind_of_effects(name, effects):
    response = family(name, effects)
    assert_gradients_are_differences(response, nearby(response), effort_too=effects == "free")


@pytest.mark.parametrize("carry_over", ["none", "geometric", "delayed", "weibull"])
@pytest.mark.parametrize("link", ["identity", "exp"])
def test_gradients_of_a_mixed_response(link, carry_over):
    response = compose(
        MIXED,
        efforts=PAST,
        active=ACTIVE,
        link=link,
        effects="free",
        carry_over=[carry_over, "none", carry_over],
    )
    assert_gradients_are_differences(response, nearby(response))


@pytest.mark.parametrize("name", ["ces", "pareto"])
def test_gradients_with_shared_parameters_and_carry_over(name):
    response = family(name, "constant", carry_over=["geometric", "none", "weibull"])
    assert_gradients_are_differences(response, nearby(response))


def test_families_are_their_formulas():
    b = np.array([0.1, -0.2, 0.3, 0.05])
    beta, rho = np.array([0.5, 1.2, 0.3]), 0.6
    weighted = np.einsum("k,kti->ti", beta, EFFORT)
    theta = np.concatenate([beta, b])
    everyone = np.ones((T, N), bool)
    for name, f in {
        "linear": b + weighted,
        "mnl": np.exp(b + weighted),
        "mci": np.exp(b) * np.prod(EFFORT ** beta[:, None, None], axis=0),
    }.items():
        np.testing.assert_allclose(
            family(name, "free").evaluate(theta, EFFORT, active=everyone), f, rtol=1e-13
        )
    ces = np.exp(b) * np.einsum("k,kti->ti", beta, EFFORT**rho) ** (1 / rho)
    theta = np.concatenate([beta, [rho], b])
    np.testing.assert_allclose(family("ces", "free").evaluate(theta, EFFORT), ces, rtol=1e-13)


def test_zero_sum_effects_sum_to_zero():
    response = family("linear", "zero-sum")
    theta = np.concatenate([np.zeros(K), [0.3, 0.1, -0.7]])
    np.testing.assert_allclose(response.evaluate(theta, EFFORT)[0], [0.3, 0.1, -0.7, 0.3], atol=1e-15)
    assert [p.firm for p in response.parameters[K:]] == [0, 1, 2]


def test_ces_without_any_effort_is_zero_with_finite_gradient():
    u = EFFORT.copy()
    u[:, 2, 1] = 0.0
    response = family("ces", "constant")
    theta = nearby(response)
    assert response.evaluate(theta, u)[2, 1] == 0.0
    assert np.isfinite(response.gradient(theta, u)).all()
    assert np.isfinite(response.effort_gradient(theta, u)).all()


def test_ces_with_constants_has_its_first_weight_as_unit():
    first = family("ces", "free").parameters[0]
    assert (first.start, first.vary) == (1.0, False)
    assert family("ces", "zero-sum").parameters[0].vary


def test_absent_firms_are_nan_with_no_gradient_and_their_efforts_are_not_read():
    response = compose(MIXED, efforts=EFFORT, active=ACTIVE, link="exp", effects="free")
    u = np.where(ACTIVE, EFFORT, np.nan)
    theta = nearby(response)
    f, gradient = response.evaluate(theta, u, active=ACTIVE), response.gradient(theta, u, active=ACTIVE)
    np.testing.assert_array_equal(np.isnan(f), ~ACTIVE)
    assert (gradient[:, ~ACTIVE] == 0.0).all()
    assert (response.effort_gradient(theta, u, active=ACTIVE)[:, ~ACTIVE] == 0.0).all()
    np.testing.assert_array_equal(f[ACTIVE], response.evaluate(theta, EFFORT)[ACTIVE])


def compiled(response, theta, column, n_rows, active=ACTIVE):
    work = make_workspace(response.spec, T, N)
    duration = np.ones(T)
    prepare(response.spec, EFFORT, active, duration, work)
    value, gradient = np.empty((T, N)), np.full((n_rows, T, N), -7.0)
    status = evaluate(response.spec, EFFORT, active, duration, work, theta, column, value, gradient)
    return status, value, gradient, work


def test_fixed_parameters_have_no_row_and_rows_of_others_are_left_alone():
    response = compose(
        MIXED, efforts=EFFORT, active=ACTIVE, effects="constant", carry_over=["geometric", "none", "none"]
    )
    n = len(response.parameters)
    theta = np.concatenate([nearby(response), [2.0, 0.5]])
    full = response.gradient(theta, EFFORT, active=ACTIVE)
    column = np.full(n + 2, -1)
    free = [1, 3, 5, n - 1]
    column[free] = [4, 0, 2, 1]
    column[n] = 3
    status, _, gradient, _ = compiled(response, theta, column, 5)
    assert status == OK
    np.testing.assert_array_equal(gradient[column[free]], full[free])
    assert (gradient[3] == -7.0).all()


def test_a_workspace_serves_other_parameters_and_other_data():
    response = compose(["hill"] * K, efforts=EFFORT, carry_over=["geometric"] * K)
    column = np.arange(len(response.parameters))
    first, second = nearby(response, 1), nearby(response, 2)
    _, value, gradient, work = compiled(response, first, column, column.size)
    for theta, u in ((second, EFFORT), (second, 2 * EFFORT), (first, EFFORT), (first, 0.5 * EFFORT)):
        prepare(response.spec, u, ACTIVE, np.ones(T), work)
        for point in (first, second, theta):
            assert evaluate(response.spec, u, ACTIVE, np.ones(T), work, point, column, value, gradient) == OK
        np.testing.assert_array_equal(value, response.evaluate(theta, u, active=ACTIVE))
        np.testing.assert_array_equal(gradient, response.gradient(theta, u, active=ACTIVE))


def test_status_says_when_a_present_firm_has_no_finite_response():
    response = compose(["linear"] * K, efforts=EFFORT, link="exp")
    theta = np.array([1e5, 0.0, 0.0])
    assert compiled(response, theta, np.arange(3), 3)[0] == NON_FINITE
    work = make_workspace(response.spec, T, N)
    prepare(response.spec, EFFORT, ACTIVE, np.ones(T), work)
    arguments = (
        response.spec,
        EFFORT,
        ACTIVE,
        np.ones(T),
        work,
        theta,
        np.empty((T, N)),
        np.empty((K, T, N)),
    )
    assert evaluate_effort_gradient(*arguments) == NON_FINITE
    nobody = np.zeros((T, N), bool)
    assert compiled(response, theta, np.arange(3), 3, nobody)[0] == OK
    with pytest.raises(ResponseError, match=r"not finite \(f = inf\) first at \[time 0, firm 0\]"):
        response.evaluate(theta, EFFORT)


def test_effort_outside_the_domain_is_named():
    u = EFFORT.copy()
    u[1, 2, 3] = -0.25
    u[1, 4, 0] = -0.5
    words = r"'power' takes efforts >= 0 \(finite\), but effort 'discount' is -0.25 at \[time 2, firm 3\]"
    with pytest.raises(ResponseError, match=words):
        compose(["linear", "power", "linear"], efforts=u, names=["product", "discount", "place"])
    response = compose(["linear", "linear", "ln"], efforts=EFFORT)
    u = np.ones((K, T, N))
    u[2, 1, 1] = 0.0
    with pytest.raises(
        ResponseError, match=r"'ln' takes efforts > 0 \(finite\), but effort '2' is 0 at \[time 1, firm 1\]"
    ):
        response.evaluate(response.start(), u)
    own = user_curve("mine", "k * u", (Parameter("k", "1", 0.0, 1.0, 0.5, 0.0, 1.0),), Domain(0.1))
    with pytest.raises(ResponseError, match=r"'mine' takes efforts >= 0.1"):
        compose([own], efforts=np.zeros((1, 2, 2)))


def test_missing_effort_of_a_present_firm_is_refused():
    u = EFFORT.copy()
    u[0, 1, 2] = np.nan
    with pytest.raises(ResponseError, match=r"effort '0' is nan at \[time 1, firm 2\]"):
        compose(["linear"] * K, efforts=u)


@pytest.mark.parametrize(
    ("curves", "options", "words"),
    [
        (["sigmoid"] * K, {}, "curve 'sigmoid' is unknown"),
        (["linear"] * K, {"link": "log"}, "link 'log' is unknown"),
        (["linear"] * K, {"carry_over": ["adstock"] * K}, "carry-over 'adstock' is unknown"),
        (["linear"] * K, {"carry_over": ["none"]}, "got 3, 3 and 1"),
        (["ces"] * K, {}, "'ces' go together"),
        (["linear", "ces", "ces"], {"link": "ces"}, "'ces' go together"),
        (["linear"] * 2, {}, "expected \\(effort, time, firm\\) with 2 efforts"),
    ],
)
def test_impossible_choices_are_refused(curves, options, words):
    with pytest.raises(ResponseError, match=words):
        compose(curves, efforts=EFFORT, **options)


def test_unknown_effects_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="kind 'random' are unknown"):
        compose(["linear"] * K, efforts=EFFORT, effects="random")
    response = compose(["linear"] * K, efforts=EFFORT, effects="free")
    with pytest.raises(ResponseError, match="composed for 4 firms"):
        response.evaluate(response.start(), EFFORT[:, :, :2])
    with pytest.raises(ResponseError, match="at least 7 values"):
        response.evaluate(np.ones(6), EFFORT)
    with pytest.raises(ResponseError, match="duration has shape"):
        response.evaluate(response.start(), EFFORT, np.ones(3))


DATA = {
    "ordinary": EFFORT,
    "zeros": np.zeros((K, T, N)),
    "constant": np.full((K, T, N), 3.0),
    "tiny": 1e-300 * EFFORT,
    "huge": 1e200 * EFFORT,
    "mostly zero": EFFORT * (RNG.random((K, T, N)) < 0.2),
}


@pytest.mark.parametrize("effects", ["none", "free", "zero-sum"])
@pytest.mark.parametrize("data", DATA)
def test_starts_are_finite_and_inside_the_bounds_whatever_the_data(data, effects):
    for record in FAMILIES.values():
        order = tuple(range(K)) if record.ranked else None
        u = DATA[data]
        if CURVES[record.curve].domain.open and (u <= 0).any():
            continue
        if data == "huge" and record.name not in ("hill", "michaelis_menten", "tanh"):
            continue
        response = compose([record.curve] * K, efforts=u, link=record.link, effects=effects, order=order)
        for p in response.parameters:
            assert p.minimum <= p.low <= p.start <= p.high <= p.maximum
            assert np.isfinite([p.low, p.start, p.high]).all()
        assert np.isfinite(response.evaluate(response.start(), u)).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_response_starts_positive_and_of_order_one_per_market(name):
    u = EFFORT.copy()
    if CURVES[FAMILIES[name].curve].domain.minimum == -np.inf:
        u[0] -= 0.3
    record = FAMILIES[name]
    order = tuple(range(K)) if record.ranked else None
    response = compose([record.curve] * K, efforts=u, link=record.link, effects="free", order=order)
    f = response.evaluate(response.start(), u)
    assert f.min() >= 0.0
    assert 0.1 <= f.sum(axis=1).mean() <= 10.0


def test_a_response_can_be_sent_to_another_process():
    response = compose(MIXED, efforts=EFFORT, link="exp", effects="free")
    theta = nearby(response)
    again = pickle.loads(pickle.dumps(response))
    np.testing.assert_array_equal(again.evaluate(theta, EFFORT), response.evaluate(theta, EFFORT))
    assert again.parameters == response.parameters
