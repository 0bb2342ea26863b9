"""Profile likelihood against lmfit, and at its edges."""

import lmfit
import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.fitting.uncertainty.refits.profile import _Points, profile_intervals
from pipeline.models.composing.build import build_model

LEVELS = (0.6827, 0.9545)


def solved(markets, form, fit, **market):
    """A model at its optimum, with its covariance (P, P)."""
    model = build_model(markets.variant(form), markets.noisy(form, 3, **market), markets.efforts, fit, {})
    theta = model.fit_many(model.start[np.newaxis], max_evaluations=500).value[0]
    residual = model.residual(theta)
    degrees = residual.size - model.n_free
    covariance = np.full((theta.size, theta.size), np.nan)
    estimate = covariance_of(model.jacobian(theta), residual @ residual / degrees)
    covariance[np.ix_(model.vary, model.vary)] = estimate.matrix
    return model, theta, covariance, degrees


@pytest.mark.parametrize(("form", "noise"), [("investment", 0.2), ("scaled", 0.02), ("proportional", 0.05)])
def test_lmfit_finds_the_same_intervals(markets, form, noise):
    model, theta, covariance, degrees = solved(markets, form, FitSection(gain=0.0), periods=30, noise=noise)
    ours = profile_intervals(model, theta, covariance, LEVELS, degrees)
    free = np.flatnonzero(model.vary)
    parameters = lmfit.Parameters()
    for place in free:
        parameters.add(f"p{place}", value=theta[place])

    def residual(values):
        point = theta.copy()
        point[free] = [values[f"p{place}"].value for place in free]
        return model.residual(point)

    minimizer = lmfit.Minimizer(residual, parameters)
    result = minimizer.minimize(method="leastsq", ftol=1e-13, xtol=1e-13)
    chosen = [f"p{place}" for place in free[:2]]
    theirs = lmfit.conf_interval(minimizer, result, p_names=chosen, sigmas=LEVELS)
    for place, name in zip(free, chosen, strict=False):
        ends = [value for _, value in theirs[name]]
        expected = [[ends[1], ends[3]], [ends[0], ends[4]]]
        unit = np.sqrt(covariance[place, place])
        # lmfit stops its search for a root at a tolerance of some thousandths.
        np.testing.assert_allclose(ours[place], expected, atol=0.01 * unit)


def test_ends_are_where_the_other_parameters_can_do_no_better(markets):
    model, theta, covariance, degrees = solved(
        markets, "scaled", FitSection(gain=0.0, initial="observed"), noise=0.05
    )
    ends = profile_intervals(model, theta, covariance, (0.9,), degrees)
    best = np.sum(model.residual(theta) ** 2)
    from scipy import stats

    for place in np.flatnonzero(model.vary):
        for end in ends[place, 0]:
            lower, upper = model.lower.copy()[None], model.upper.copy()[None]
            start = theta.copy()[None]
            start[0, place] = lower[0, place] = upper[0, place] = end
            refit = model.fit_many(start, lower=lower, upper=upper, max_evaluations=300)
            f = degrees * (2 * refit.cost[0] / best - 1)
            assert stats.f.cdf(f, 1, degrees) == pytest.approx(0.9, abs=1e-3)
    assert np.all(ends[model.vary, 0, 0] < theta[model.vary])
    assert np.all(ends[model.vary, 0, 1] > theta[model.vary])
    assert np.isnan(ends[~model.vary]).all()


def test_a_bound_ends_an_interval(markets):
    fit = FitSection(gain=0.0, initial="observed", bounds={"place": (0.04, None)})
    model, theta, covariance, degrees = solved(markets, "investment", fit, noise=0.2)
    place = model.names.index("place")
    assert theta[place] > 0.04
    ends = profile_intervals(model, theta, covariance, (0.5, 0.99), degrees)
    assert ends[place, 1, 0] == 0.04
    assert np.isfinite(ends[place]).all()


def test_nothing_to_profile(markets):
    model, theta, covariance, degrees = solved(markets, "investment", FitSection())
    assert np.isnan(profile_intervals(model, theta, np.full_like(covariance, np.nan), (0.9,), degrees)).all()
    assert np.isnan(profile_intervals(model, theta, covariance, (0.9,), 0)).all()


def test_a_parameter_that_needs_both_ends_is_given_up_once_one_is_none(markets):
    model, theta, covariance, degrees = solved(
        markets, "scaled", FitSection(gain=0.0, initial="observed"), noise=0.05
    )
    alone = profile_intervals(model, theta, covariance, (0.9,), degrees)
    place = int(np.flatnonzero(np.isfinite(alone).all(axis=(1, 2)) & model.vary)[0])
    low, high = alone[place, 0]
    # A bound between the estimate and the upper end leaves no end there.
    model.upper[place] = theta[place] + 0.5 * (high - theta[place])
    both = np.zeros(theta.size, dtype=np.bool_)
    cut = profile_intervals(model, theta, covariance, (0.9,), degrees, both=both)
    np.testing.assert_allclose(cut[place, 0], [low, model.upper[place]], rtol=1e-3)
    both[place] = True
    given_up = profile_intervals(model, theta, covariance, (0.9,), degrees, both=both)
    assert np.isnan(given_up[place, 0, 0])
    others = np.arange(theta.size) != place
    np.testing.assert_array_equal(given_up[others], cut[others])


@pytest.mark.parametrize("believed", [False, True])
def test_the_slope_of_the_cost_is_that_of_its_differences(markets, believed):
    model, theta, covariance, _ = solved(markets, "investment", FitSection(gain=0.0), noise=0.05)
    if believed:
        model.set_prior(
            0.9 * theta, np.where(np.arange(theta.size) % 2, 0.0, 1.0 / np.maximum(np.abs(theta), 1.0))
        )
    point = np.clip(theta + 0.5 * np.sqrt(np.nan_to_num(np.diag(covariance))), model.lower, model.upper)
    slope = model.fit_many(point[np.newaxis], max_evaluations=1).slope[0]
    for place in np.flatnonzero(model.vary).tolist():
        step = 1e-5 * np.sqrt(covariance[place, place])
        costs = []
        for sign in (1.0, -1.0):
            moved = point.copy()
            moved[place] += sign * step
            costs.append(0.5 * np.sum(model.residual(moved) ** 2))
        expected = (costs[0] - costs[1]) / (2.0 * step)
        assert slope[place] == pytest.approx(expected, rel=1e-4, abs=1e-6 / step)


def test_ends_are_guessed_exactly_on_curves_of_the_shapes_they_are_guessed_by():
    def points(z, distance, slope):
        return _Points(*(np.array([value(z)]) for value in (distance, lambda z: z, slope)))

    # z grows beyond all bounds as the distance nears 1.5.
    pole = lambda z: z / (1.0 + z / 1.5), lambda z: 1.0 / (1.0 + z / 1.5) ** 2
    found = points(0.3, *pole).bent(points(6.0, *pole), np.array([2.0]))
    assert found == pytest.approx([pole[0](2.0)], rel=1e-12)
    cubic = lambda z: z + 0.1 * z**2 + 0.02 * z**3, lambda z: 1.0 + 0.2 * z + 0.06 * z**2
    found = points(0.3, *cubic).towards(points(3.0, *cubic), np.array([2.0]))
    assert found == pytest.approx([cubic[0](2.0)], rel=1e-12)
