"""I-splines against scipy, and the monotone curves made of them."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from kernels.response.ispline import DEGREE, ispline_basis, ispline_knots, ispline_pieces, ispline_size
from kernels.response.response import compose


def tabulate(u, knots):
    pieces = ispline_pieces(knots)
    basis, slope = np.empty((2, pieces.shape[0], u.size))
    ispline_basis(u, knots, pieces, basis, slope)
    return basis, slope


def test_basis_is_the_integral_of_normalised_bsplines():
    knots = np.array([-0.5, 0.1, 0.3, 1.2])
    u = np.linspace(-0.5, 1.2, 52)[1:-1]
    basis, slope = tabulate(u, knots)
    padded = np.concatenate([[knots[0]] * DEGREE, knots, [knots[-1]] * DEGREE])
    assert basis.shape[0] == ispline_size(2) == padded.size - DEGREE - 1
    for j in range(basis.shape[0]):
        element = BSpline.basis_element(padded[j : j + DEGREE + 2], extrapolate=False)
        area = (padded[j + DEGREE + 1] - padded[j]) / (DEGREE + 1)
        np.testing.assert_allclose(slope[j], np.nan_to_num(element(u)) / area, atol=1e-12)
        integral = element.antiderivative()
        start, end = padded[j], padded[j + DEGREE + 1]
        expected = (integral(np.clip(u, start, end)) - integral(start)) / area
        np.testing.assert_allclose(basis[j], expected, atol=1e-13)


def test_constant_outside_the_data():
    knots = np.array([0.0, 0.4, 1.0])
    basis, slope = tabulate(np.array([-5.0, 0.0, 1.0, 7.0]), knots)
    np.testing.assert_allclose(basis[:, :2], 0.0, atol=1e-15)
    np.testing.assert_allclose(basis[:, 2:], 1.0, atol=1e-14)
    np.testing.assert_array_equal(slope[:, [0, 3]], 0.0)


@pytest.mark.parametrize(("name", "sign"), [("ispline", 1.0), ("ispline_decreasing", -1.0)])
def test_curves_are_monotone(name, sign):
    u = np.sort(np.random.default_rng(0).normal(size=(1, 60, 1)), axis=1)
    response = compose([name], efforts=u)
    f = response.evaluate(np.array([0.5, 0.0, 1.0, 0.2, 2.0]), u)
    assert (sign * np.diff(f[:, 0]) >= -1e-15).all()
    assert f[-1, 0] - f[0, 0] == pytest.approx(sign * 3.7, rel=1e-12)


def test_different_numbers_of_knots_side_by_side():
    from kernels.response.catalogue import ispline_curve

    u = np.random.default_rng(4).normal(size=(3, 20, 2))
    mixed = [ispline_curve(0), "linear", ispline_curve(3)]
    response = compose(mixed, efforts=u)
    theta = response.start()
    alone = [compose([curve], efforts=u[[k]]) for k, curve in enumerate(mixed)]
    sizes = np.cumsum([len(r.parameters) for r in alone])[:-1]
    parts = [
        r.evaluate(part, u[[k]])
        for k, (r, part) in enumerate(zip(alone, np.split(theta, sizes), strict=True))
    ]
    np.testing.assert_allclose(response.evaluate(theta, u), sum(parts), rtol=1e-13)


@pytest.mark.parametrize(
    "values",
    [np.zeros(5), np.full(9, 3.0), np.array([0.0, 0.0, 0.0, 1.0]), np.full(3, np.nan), np.arange(20.0) ** 3],
)
def test_knots_increase_whatever_the_data(values):
    knots = ispline_knots(values, 3)
    assert knots.shape == (5,)
    assert (np.diff(knots) > 0).all()


def test_negative_number_of_knots_is_refused():
    with pytest.raises(ValueError, match="got -1 interior knots"):
        ispline_knots(np.arange(5.0), -1)
