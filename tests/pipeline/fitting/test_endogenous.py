"""Fits with endogenous efforts, against two-stage least squares and markets whose managers see the shocks."""

from dataclasses import replace

import numpy as np
import pytest
from places import ROOT

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.all_markets import AllMarkets
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.uncertainty.two_step import _residual
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.status import Status
from pipeline.store.format.first_stage import PooledSlopes

PERIODS, FIRMS = 60, 4
PRICED = {"price": {"instruments": ["cost"]}}


def variant(form="investment", endogenous=("price",)):
    link = "identity" if form == "proportional" else "exp"
    return Variant(
        form,
        form,
        ResponseChoice("r", "r", link, FrozenMapping({"price": "linear", "feature": "linear"})),
        "zero-sum" if form == "proportional" else "free",
        FrozenMapping({"price": "none", "feature": "none"}),
        endogenous=endogenous,
    )


def attraction_market(seed=0, correlation=0.7, duration=60.0, slope=-1.5):
    """Shares of a multinomial logit with shocks, which the price answers to; nothing lasts for a period."""
    rng = np.random.default_rng(seed)
    shock, cost, feature, free = rng.normal(size=(4, PERIODS, FIRMS))
    price = 0.3 * (correlation * shock + np.sqrt(1.0 - correlation**2) * (0.8 * cost + 0.6 * free))
    level = slope * price + 0.3 * feature + rng.normal(0.0, 0.3, FIRMS) + 0.05 * shock
    share = np.exp(level)
    return MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(PERIODS),
        share=share / share.sum(axis=1, keepdims=True),
        total_sales=np.ones(PERIODS),
        duration=np.full(PERIODS, duration),
        efforts=np.stack([price, feature]),
        active=np.ones((PERIODS, FIRMS), dtype=bool),
        instruments=cost[np.newaxis],
    )


def fit(market, form="investment", asked=PRICED, n_train=None, **further):
    settings = {"starts": 2, "gain": 0.0, "initial": "observed", "endogenous": asked} | further.pop("fit", {})
    section = FitSection(**settings)
    seed = np.random.SeedSequence(0)
    chosen = variant(form, tuple(section.instrumented))
    return calibrate_market(chosen, market, ("price", "feature"), section, seed, n_train=n_train, **further)


def two_stages(market):
    """Estimates and standard errors of log shares on price, feature, constants, with cost as instrument."""
    time, firm = np.indices(market.share[1:].shape).reshape(2, -1)
    constants = [(firm == one).astype(float) for one in range(FIRMS)]
    constants += [(time == one).astype(float) for one in range(1, PERIODS - 1)]
    price, feature = (effort[1:].ravel() for effort in market.efforts)
    cost, level = market.instruments[0, 1:].ravel(), np.log(market.share[1:]).ravel()
    known, used = (np.column_stack([one, feature, *constants]) for one in (cost, price))
    explained = known @ np.linalg.lstsq(known, used, rcond=None)[0]
    estimates = np.linalg.lstsq(explained, level, rcond=None)[0]
    left = level - used @ estimates
    variance = left @ left / (level.size - used.shape[1]) * np.linalg.inv(explained.T @ explained)
    return estimates[:2], np.sqrt(np.diag(variance)[:2])


def test_where_shares_adjust_at_once_it_is_two_stage_least_squares():
    market = attraction_market()
    record = fit(market)
    # The first stage sees all periods, the shares of the first one are the initial state: leave it out there.
    later = replace(market, efforts=market.efforts.copy(), instruments=market.instruments.copy())
    estimates, errors = two_stages(later)
    assert record.names[:2] == ("price", "feature")
    np.testing.assert_allclose(record.value[:2], estimates, rtol=0.003)
    # One variance counts the control as explained, the other does not: both stages put it together again.
    np.testing.assert_allclose(record.stderr[:2], errors, rtol=0.15)
    assert record.uncertainty.hausman_t[0] > 5.0
    assert record.first_stage_f[0] > 10.0


def test_without_instruments_the_same_market_misleads():
    market = attraction_market()
    plain, controlled = fit(market, asked=None), fit(market)
    assert plain.value[0] > -1.5 + 4.0 * plain.stderr[0]
    assert abs(controlled.value[0] + 1.5) < 3.0 * controlled.stderr[0]
    assert plain.first_stage_f.size == plain.uncertainty.hausman_t.size == 0


def test_an_exogenous_price_is_seen_to_be_one():
    t = [fit(attraction_market(seed, 0.0)).uncertainty.hausman_t[0] for seed in range(20)]
    assert np.abs(np.mean(t)) < 0.8
    assert 0.5 < np.std(t) < 1.6


@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
@pytest.mark.parametrize("residual", ["ilr", "share"])
def test_jacobian_holds_the_coefficient_of_the_control(form, residual):
    settings = {"gain": "estimated", "initial": "estimated", "residual": residual}
    record = fit(attraction_market(duration=1.0), form, fit=settings)
    model, theta = record.model, record.theta
    row = model.names.index("price.control")
    step = 1e-5 * max(abs(theta[row]), 0.1)
    sides = [theta + side * step * (np.arange(theta.size) == row) for side in (1.0, -1.0)]
    slope = (model.residual(sides[0]) - model.residual(sides[1])) / (2.0 * step)
    np.testing.assert_allclose(model.jacobian(theta)[model.column[row]], slope, atol=1e-8)


def test_the_first_stage_adds_to_covariances_what_refits_under_other_slopes_show():
    market = attraction_market()
    record = fit(market)
    stage = record.model.stages[0]
    model, changed = record.model, []
    size = np.sqrt(stage.covariance[0, 0])
    for side in (1.0, -1.0):
        moved = model.data.controls - side * size * _rows(model, stage.regressors[0])
        again = model.fit_many(
            record.theta[np.newaxis], max_evaluations=200, data=model.data._replace(controls=moved)
        )
        changed.append(again.value[0])
    answer = (changed[0] - changed[1]) / 2.0
    alone = fit(market, asked=PRICED)
    # Exogenous regressors are next to uncorrelated with the instrument: its slope is what matters.
    added = alone.stderr[0] ** 2 - model_variance(alone)
    assert answer[0] ** 2 == pytest.approx(added, rel=0.2)


def _rows(model, values):
    from pipeline.models.instruments.controls import rows_of

    return rows_of(values, model.data)[np.newaxis]


def model_variance(record):
    """Of the price, by the second stage alone."""
    jacobian = record.model.jacobian(record.theta)
    residual = record.model.residual(record.theta)
    free = np.linalg.pinv(jacobian @ jacobian.T)
    degrees = residual.size - record.statistic["rank"]
    return free[0, 0] * (residual @ residual) / degrees


def test_bootstrap_replicates_have_first_stages_of_their_own():
    asked = UncertaintySection(bootstrap=200)
    record = fit(attraction_market(), uncertainty=asked, fit={"gain": "estimated", "initial": "estimated"})
    spread = np.nanstd(record.uncertainty.replicate[:, 0])
    second = np.sqrt(model_variance(record))
    assert spread == pytest.approx(record.stderr[0], rel=0.25)
    assert spread > 1.05 * second


def test_the_control_has_no_part_in_shares():
    record = fit(attraction_market(), n_train=40)
    theta = record.theta.copy()
    theta[record.model.controls] = 0.0
    np.testing.assert_array_equal(record.model.shares(theta), record.model.shares(record.theta))
    assert np.isfinite(record.share).all()
    assert record.model.stages[0].control.shape == (40, FIRMS)
    again = fit(first_periods(attraction_market(), 40))
    np.testing.assert_allclose(again.value, record.value)


def test_a_market_without_a_first_stage_has_a_status():
    market = attraction_market()
    still = replace(market, instruments=np.ones_like(market.instruments))
    record = fit(still)
    assert record.status == Status.NO_FIRST_STAGE
    assert "does not vary" in record.message
    with pytest.raises(ValueError, match="without instruments"):
        fit(replace(market, instruments=None))


def test_residual_under_the_same_controls_is_the_residual():
    record = fit(attraction_market(), fit={"gain": "estimated", "initial": "estimated"})
    model = record.model
    same = _residual(model, record.theta, model.data.controls)
    np.testing.assert_allclose(same, model.residual(record.theta)[: model.n_residuals], rtol=1e-12)


def benchmark():
    """The benchmark endogenous_coverage.py as a module."""
    import importlib
    import sys

    folder = str(ROOT / "tests" / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("endogenous_coverage")
    finally:
        sys.path.remove(folder)


@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
def test_intervals_hold_the_truth_where_managers_see_the_shocks(form):
    """A few markets of the benchmark endogenous_coverage.py with the defaults of a study."""
    covered = benchmark().covered
    found = np.array([covered((form, 2.0, "lasting", 0.71, 0.64, seed)) for seed in range(100, 108)])
    assert np.nanmean(found[:, 1, 1]) >= 0.75
    assert abs(np.mean(found[:, 1, 0]) - 1.0) < 0.06
    assert (np.abs(found[:, 1, 4]) > 1.96).all()
    if form != "scaled":
        assert np.nanmean(found[:, 0, 1]) <= 0.25


def test_many_short_markets_with_weak_instruments_are_strong_together():
    """Half a year of weeks: a market alone knows little of its first stage, forty together do."""
    simulated = benchmark()
    tasks = [("proportional", 2.0, "lasting", 0.71, 0.06, seed) for seed in range(40)]
    slopes = simulated.pool(tasks, 26)
    found = np.array([simulated.covered(task, 26, slopes, gain=1.0) for task in tasks])
    estimate, held, _, strength, _ = np.moveaxis(found, 2, 0)
    alone, pooled = 1, 2
    assert np.median(strength[:, alone]) < 10.0 < slopes.f_statistic
    assert (strength[:, pooled] == slopes.f_statistic).all()
    # Four standard errors of forty are 0.1; without instruments all are a fifth too small.
    assert abs(estimate[:, pooled].mean() - 1.0) < 0.1
    assert estimate[:, 0].mean() < 0.85
    error = np.sqrt(np.mean((estimate - 1.0) ** 2, axis=0))
    assert error[pooled] < 0.7 * error[alone]
    assert held[:, pooled].mean() >= 0.9


def test_pooled_slopes_carry_their_covariance_into_errors_and_replicates():
    market, asked = attraction_market(), UncertaintySection(bootstrap=100)
    stage = fit(market).model.stages[0]
    entry = {"price": {"instruments": ["cost"], "first_stage": "pooled"}}
    spread = []
    for factor in (0.0, 1.0, 100.0):
        slopes = PooledSlopes(stage.labels, stage.slopes, factor * stage.covariance, 50.0, 30)
        record = fit(market, asked=entry, uncertainty=asked, all_markets=AllMarkets(None, {"price": slopes}))
        assert record.first_stage_f.tolist() == [50.0]
        spread.append((record.stderr[0], np.nanstd(record.uncertainty.replicate[:, 0])))
    added, drawn = (np.array(spread) ** 2).T
    assert added[2] - added[0] == pytest.approx(100.0 * (added[1] - added[0]), rel=1e-6)
    assert drawn[2] == pytest.approx(added[2], rel=0.5)
    # Slopes of this very market: all is as with a first stage of its own.
    assert added[1] == pytest.approx(fit(market).stderr[0] ** 2, rel=1e-6)
    with pytest.raises(ValueError, match="Got no slopes for the first stage of price"):
        fit(market, asked=entry)
