"""Every compiled curve against its formula in the catalogue, differentiated by sympy."""

import numpy as np
import pytest

from kernels.formula.expression import parse
from kernels.numeric.elementary import LOG_OF_ZERO, exp, expm1, log, log1p
from kernels.numeric.jit import jit_enabled
from kernels.response.catalogue import CURVES, Domain, user_curve
from kernels.response.parameter import Parameter
from kernels.response.response import compose

WRITTEN = [name for name in CURVES if not name.startswith("ispline")]
USER = user_curve(
    "mine",
    "k * log1p(u / h) + 0.1 * tanh(k * u)",
    (Parameter("k", "1", 0.0, 5.0, 0.7, 0.1, 2.0), Parameter("h", "1", 0.01, 5.0, 0.4, 0.1, 2.0)),
    Domain(0.0),
)


def single(curve, efforts):
    """Compose one effort alone; CES needs rho = 1 at its outer power to be the bare curve."""
    name = curve if isinstance(curve, str) else curve.name
    order = (0,) if name == "pareto" else None
    return compose([CURVES["power"] if name == "ces" else curve], efforts=efforts[None], order=order)


def formula_of(curve):
    names = [parameter.name for parameter in curve.parameters]
    return parse(curve.formula, ("u", *names)), names


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "ces"])
def test_curve_and_gradients_are_those_of_the_formula(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    signed = CURVES[name].domain.minimum == -np.inf
    # The formulas as written overflow for efforts far below 0; the kernels do not (see below).
    exponents = np.arange(-3.0, 0.0) if signed else np.arange(-9.0, 4.0)
    u = np.concatenate([rng.gamma(2.0, 0.1, 30), 10.0**exponents])[:, None]
    if signed:
        u[::3] *= -1.0
    response = single(name, u)
    expression, names = formula_of(CURVES[name])
    for _ in range(5):
        theta = np.array([rng.uniform(p.low, p.high) if p.vary else 0.02 for p in response.parameters])
        values = {"u": u, **dict(zip(names, theta, strict=True))}
        # The formula itself loses digits where it subtracts nearly equal numbers.
        exact = expression.evaluate(values)
        atol = 4e-16 * np.abs(exact).max()
        np.testing.assert_allclose(response.evaluate(theta, u[None]), exact, rtol=1e-12, atol=atol)
        gradient = response.gradient(theta, u[None])
        for m, parameter in enumerate(names):
            exact = np.broadcast_to(expression.gradient(parameter).evaluate(values), u.shape)
            np.testing.assert_allclose(gradient[m], exact, rtol=1e-9, atol=1e-12 * np.abs(exact).max())
        slope = expression.gradient("u").evaluate(values)
        np.testing.assert_allclose(
            response.effort_gradient(theta, u[None])[0],
            np.broadcast_to(slope, u.shape),
            rtol=1e-9,
            atol=1e-14 * np.abs(slope).max(),
        )


def test_user_curve_is_its_formula():
    u = np.linspace(0.0, 3.0, 301)[:, None]
    response = single(USER, u)
    assert [p.name for p in response.parameters] == ["beta", "h"]
    values = {"u": u, "k": 0.6, "h": 0.3}
    expression = parse(USER.formula, ("u", "k", "h"))
    theta = np.array([0.6, 0.3])
    np.testing.assert_allclose(response.evaluate(theta, u[None]), expression.evaluate(values), rtol=1e-13)
    gradient = response.gradient(theta, u[None])
    for m, name in enumerate(("k", "h")):
        np.testing.assert_allclose(gradient[m], expression.gradient(name).evaluate(values), rtol=1e-12)
    np.testing.assert_allclose(
        response.effort_gradient(theta, u[None])[0], expression.gradient("u").evaluate(values), rtol=1e-12
    )


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "ces"])
def test_finite_over_the_whole_domain_at_every_bound(name):
    u = np.concatenate([[0.0, 1e-300, 1e-30, 1e-12], np.geomspace(1e-9, 1e9, 19), [1e30]])[:, None]
    if CURVES[name].domain.open:
        u = u[1:]
    data = np.random.default_rng(0).gamma(2.0, 0.1, (20, 1))
    response = single(name, data)
    corners = np.array(np.meshgrid(*[bounds(p) for p in response.parameters])).reshape(
        len(response.parameters), -1
    )
    for theta in np.unique(corners.T, axis=0):
        assert np.isfinite(response.evaluate(theta, u[None])).all()
        assert np.isfinite(response.gradient(theta, u[None])).all()
        assert np.isfinite(response.effort_gradient(theta, u[None])).all()


def bounds(parameter):
    low = parameter.minimum if np.isfinite(parameter.minimum) else parameter.low
    high = parameter.maximum if np.isfinite(parameter.maximum) else parameter.high
    return (low, parameter.start, high)


@pytest.mark.parametrize("name", ["hill", "adbudg", "michaelis_menten", "exponential", "tanh", "logistic"])
def test_saturating_curves_reach_their_height(name):
    response = single(name, np.ones((2, 1)))
    theta = response.start()
    f = response.evaluate(theta, np.array([[[1e30], [1e200]]]))
    np.testing.assert_allclose(f, theta[0], rtol=1e-6)


def test_nearly_saturated_hill_keeps_the_digits_of_its_gradient():
    u = np.array([[1e6]])
    response = single("hill", np.ones((2, 1)))
    beta, h, n = 0.3, 0.01, 2.0
    gradient = response.gradient(np.array([beta, h, n]), u[None])[:, 0, 0]
    small = (h / 1e6) ** n
    # 1 - q is 1e-16 here: computed as a difference it would be pure rounding.
    expected = [1 / (1 + small), -beta * n / h * small / (1 + small) ** 2]
    np.testing.assert_allclose(gradient[:2], expected, rtol=1e-13)


ELEMENTARY = {
    "exp": (exp, np.exp),
    "expm1": (expm1, np.expm1),
    "log": (log, np.log),
    "log1p": (log1p, np.log1p),
}


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_agree_with_numpy(name):
    ours, theirs = ELEMENTARY[name]
    n = 20_001 if jit_enabled() else 401
    near = np.concatenate([np.geomspace(1e-18, 0.9, n), -np.geomspace(1e-18, 0.9, n)])
    x = np.concatenate([np.linspace(-707.0, 708.9, n), near]) if name.startswith("exp") else near
    if name.startswith("log"):
        x = np.concatenate([near if name == "log1p" else near[:n], np.geomspace(1e-307, 1e308, n)])
    # 1.0 + x of a tiny x is 1: log needs no more than rounding of its own result.
    np.testing.assert_allclose([ours(value) for value in x], theirs(x), rtol=7e-16)


def test_elementary_functions_at_their_ends():
    assert exp(-1e9) == 0.0
    assert exp(1e9) == np.inf
    assert expm1(-1e9) == -1.0
    assert log(0.0) == LOG_OF_ZERO
    assert log(np.inf) == np.inf
    assert all(np.isnan(function(np.nan)) for function in (exp, expm1, log, log1p))
