"""f >= 0 as a bound: found, followed, marked; and fits that are usable though their forecast is not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.response_edge import edge_parameters, follow_edge
from pipeline.panel.market import MarketArrays
from pipeline.status import NoForecast, Status
from pipeline.store.format.catalogue import RECOMMENDED
from pipeline.validation.forecasters import why_no_forecast

PERIODS, FIRMS = 60, 4


def clipped_market(slope):
    """Markets whose f is 0 where a straight one would be negative."""
    rng = np.random.default_rng(0)
    effort = rng.normal(0.0, 1.0, (1, PERIODS, FIRMS))
    ones = np.ones(PERIODS)
    share = simulate_shares(
        rng.dirichlet(np.full(FIRMS, 20.0)),
        np.maximum(0.1 + slope * effort[0], 0.0),
        ones,
        ones,
        jump_price=1.0,
        reference_sales=1.0,
        returns_to_scale=0.0,
    )
    seen = share * np.exp(0.1 * rng.normal(size=share.shape))
    return MarketArrays(
        market=1,
        firms=np.array(list("ABCD")),
        times=np.arange(PERIODS),
        share=seen / seen.sum(axis=1, keepdims=True),
        total_sales=ones,
        duration=ones,
        efforts=effort,
        active=np.ones((PERIODS, FIRMS), dtype=np.bool_),
    )


def fit(market, seed=1, n_train=None, form="investment", curve="linear"):
    variant = Variant(
        curve,
        form,
        ResponseChoice(curve, curve, "identity", FrozenMapping({"u": curve})),
        "constant",
        FrozenMapping({"u": "none"}),
    )
    settings = FitSection(starts=4, initial="estimated", gain=0.0)
    return calibrate_market(variant, market, ("u",), settings, np.random.SeedSequence(seed), n_train=n_train)


def test_an_optimum_on_the_edge_is_one_and_its_parameters_have_no_standard_error():
    market = clipped_market(-0.06)
    records = [fit(market, seed) for seed in (1, 2)]
    chisqr = [record.statistic["chisqr"] for record in records]
    # Searches that are only refused stop anywhere along the edge, at costs that differ by factors.
    assert chisqr[0] == pytest.approx(chisqr[1], rel=1e-3)
    record = records[0]
    rows = [record.names.index(name) for name in ("u", "constant")]
    assert record.status is Status.CONVERGED
    assert record.at_bound[rows].tolist() == [2, 2]
    assert np.isnan(record.stderr[rows]).all()
    assert np.isnan(record.uncertainty.interval[:, rows]).all()
    assert [RECOMMENDED[record.uncertainty.recommended[row]] for row in rows] == ["at bound"] * 2
    # The others have come to rest, and keep their errors.
    others = np.array([name.startswith("initial.") for name in record.model.names])[record.model.vary]
    gradient = record.model.jacobian(record.theta) @ record.model.residual(record.theta)
    assert np.abs(gradient[others]).max() < 1e-3 * chisqr[0]
    first = record.names.index("initial.A")
    assert record.stderr[first] > 0.0


def slsqp(model, theta):
    """Referee: the lowest cost under f >= 0 that scipy's sequential quadratic programming comes to."""
    free, data = np.flatnonzero(model.vary), model.data
    start = theta[free]
    unit = 1.0 / np.linalg.norm(model.jacobian(theta), axis=1)

    def natural(point):
        values = theta.copy()
        values[free] = point * unit
        return values

    def cost(point):
        residual = model.residual(natural(point))
        return 1e12 if residual is None else 0.5 * residual @ residual

    def gradient(point):
        values = natural(point)
        residual = model.residual(values)
        return np.zeros(free.size) if residual is None else unit * (model.jacobian(values) @ residual)

    def response(point):
        return 100.0 * model.response.evaluate(natural(point), data.efforts).ravel() - 1e-8

    found = optimize.minimize(
        cost,
        start / unit,
        jac=gradient,
        method="SLSQP",
        bounds=list(zip(model.lower[free] / unit, model.upper[free] / unit, strict=True)),
        constraints={"type": "ineq", "fun": response},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return found.fun


@pytest.mark.parametrize("form", ["investment", "scaled"])
@pytest.mark.parametrize("curve", ["linear", "exponential"])
def test_the_edge_is_followed_to_the_optimum_that_quadratic_programming_finds(form, curve):
    market = clipped_market(-0.06)
    if curve == "exponential":
        market = replace(market, efforts=market.efforts - market.efforts.min())
    record = fit(market, form=form, curve=curve)
    model, start = record.model, record.theta.copy()
    # From inside, where the effort does not yet matter that much.
    start[model.names.index("u")] *= 0.5
    found = follow_edge(model, start, 400)
    residual = model.residual(found.theta)
    assert found.converged
    assert found.evaluations < 60
    assert 0.5 * residual @ residual <= slsqp(model, start) * (1.0 + 1e-6)
    f = model.response.evaluate(found.theta, model.data.efforts)
    assert 0.0 <= f.min() < 1e-6 * f.mean()


def test_a_market_function_that_vanishes_is_at_its_edge():
    record = fit(clipped_market(-0.01))
    theta = record.theta.copy()
    rows = [record.names.index(name) for name in ("u", "constant")]
    theta[rows] *= 1e-9
    assert np.flatnonzero(edge_parameters(record.model, theta)).tolist() == sorted(rows)


def test_an_optimum_inside_is_no_edge():
    record = fit(clipped_market(-0.01))
    assert not edge_parameters(record.model, record.theta).any()
    assert not record.at_bound.any()
    assert record.stderr[record.names.index("u")] > 0.0


def test_efforts_ahead_that_make_f_negative_cost_the_forecast_alone():
    market = clipped_market(-0.01)
    efforts = market.efforts.copy()
    efforts[0, 50:, 0] = 40.0
    changed = replace(market, efforts=efforts)
    record = fit(changed, n_train=50)
    assert record.status is Status.CONVERGED
    assert record.value[0] == pytest.approx(fit(market, n_train=50).value[0], rel=1e-6)
    assert np.isfinite(record.share[:50]).all()
    assert np.isnan(record.share[50:]).all()
    assert why_no_forecast(record.model, record.theta, changed) is NoForecast.NEGATIVE_RESPONSE
