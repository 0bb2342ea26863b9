"""Experiments as rows of a fit: their derivatives, their information, and what flags a wrong one."""

from dataclasses import replace

import numpy as np
import pytest
from effects_market import market_of, model_of
from tested_market import (
    BETA,
    EFFORTS,
    experiment,
    settings,
    tried_market,
    truth_of,
    variant,
    with_experiments,
)

from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import first_periods

SEED = np.random.SeedSequence(1)
PRICE = 0


def fitted(market, uncertainty=None, n_train=None, **fit):
    return calibrate_market(
        variant(), market, EFFORTS, settings(**fit), SEED, uncertainty=uncertainty, n_train=n_train
    )


def value_of(record):
    return dict(zip(record.names, record.value, strict=True))["price"]


def slope_differences(rows, theta, free, step=1e-6):
    slopes = []
    for place in free:
        size = step * max(abs(theta[place]), 0.1)
        up, down = theta.copy(), theta.copy()
        up[place] += size
        down[place] -= size
        slopes.append((rows.differences(up)[0] - rows.differences(down)[0]) / (2 * size))
    return np.array(slopes)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("investment", {"initial": "estimated"}),
        ("scaled", {"further": True, "carry_over": "geometric"}),
        ("proportional", {"residual": "share", "rho": 0.0}),
    ],
)
def test_derivatives_are_those_of_differences(form, options):
    market = with_experiments(
        market_of(entrant=True),
        experiment(firm=2, first=10, last=14),
        experiment(firm=2, first=18, last=18, effort=1, baseline=1.0, changed=1.5, sales=True),
        experiment(firm=2, first=21, last=25, effort=1, baseline=np.nan, changed=np.nan, change=0.2),
    )
    model, theta = model_of(form, market, **options)
    value, slope = model.experiments.differences(theta)
    assert np.all(np.abs(value) > 1e-5)
    expected = slope_differences(model.experiments, theta, np.flatnonzero(model.vary))
    np.testing.assert_allclose(slope, expected, rtol=2e-5, atol=1e-7 * np.abs(value).max())


def test_the_difference_is_that_of_the_exact_solution():
    market = tried_market(noise=0.0)
    one = experiment()
    record = fitted(with_experiments(market, one))
    (lift,) = record.experiments.lift
    assert lift == pytest.approx(truth_of(market, one), abs=1e-7)
    wanted = replace(one, sales=True, effect=1.0, stderr=0.5)
    (sales,) = fitted(with_experiments(market, wanted)).experiments.lift
    assert sales == pytest.approx(5 * 100.0 * lift, rel=1e-6)


def test_a_perfect_market_is_recovered_whatever_was_measured():
    market = tried_market(noise=0.0)
    record = fitted(with_experiments(market, experiment(effect=0.3, stderr=0.01)))
    assert value_of(record) == pytest.approx(BETA[PRICE], abs=1e-5)


def test_information_adds_up():
    market = tried_market()
    one = experiment()
    right = [replace(one, effect=truth_of(market, one), stderr=s) for s in (0.01, 0.005)]
    alone = fitted(market)
    before = 1.0 / alone.stderr[PRICE] ** 2
    for tests in ([right[0]], right):
        record = fitted(with_experiments(market, *tests))
        model, theta = record.model, record.theta
        # The covariance of the shares alone at this optimum, and what each experiment adds to its inverse.
        _, slope = model.experiments.differences(theta)
        model.weigh_experiments(0.0)
        rows, residual = model.jacobian(theta), model.residual(theta)
        deviation = np.sqrt(residual @ residual / (model.n_residuals - record.statistic["n_effective"]))
        information = rows @ rows.T / deviation**2 + (slope / model.experiments.stderr**2) @ slope.T
        free = np.flatnonzero(model.vary)
        expected = np.sqrt(np.diag(np.linalg.inv(information)))
        np.testing.assert_allclose(record.stderr[free], expected, rtol=2e-3)
        now = 1.0 / record.stderr[PRICE] ** 2
        assert now > before
        before = now
    assert record.stderr[PRICE] < 0.8 * alone.stderr[PRICE]


def test_intervals_of_all_methods_shrink():
    market = tried_market()
    one = experiment()
    tested = with_experiments(market, replace(one, effect=truth_of(market, one), stderr=0.002))
    asked = UncertaintySection(
        intervals=("recommended", "covariance", "profile", "bootstrap"), levels=(0.95,), bootstrap=60
    )
    width = [
        np.diff(fitted(m, asked).uncertainty.interval[:, PRICE, 0], axis=-1)[:, 0] for m in (market, tested)
    ]
    assert np.all(width[1] < 0.6 * width[0])
    # All of them say about the same.
    np.testing.assert_allclose(width[1], width[1][1], rtol=0.3)


def test_a_wrong_experiment_stands_out_even_where_it_decides_much():
    market = tried_market()
    one = experiment()
    truth = truth_of(market, one)
    for wrong, flagged in ((0.0, False), (0.06, True)):
        record = fitted(with_experiments(market, replace(one, effect=truth + wrong, stderr=0.004)))
        found = record.experiments
        residual = (found.lift - truth - wrong) / (0.004 * np.sqrt(1.0 - found.leverage))
        assert (abs(residual[0]) > 3.0) == flagged
        # It is the distance to what the other data say, in the deviation of both together.
        other = fitted(market)
        model = record.model
        value, slope = model.experiments.differences(other.theta)
        free = np.flatnonzero(model.vary)
        covariance = other.uncertainty.covariance[np.ix_(free, free)]
        spread = np.sqrt(0.004**2 + slope[:, 0] @ covariance @ slope[:, 0])
        assert residual[0] == pytest.approx((value[0] - truth - wrong) / spread, rel=0.25, abs=0.2)


def test_experiments_count_from_the_period_they_are_over():
    market = tried_market()
    tested = with_experiments(market, experiment(first=20, last=24), experiment(first=40, last=44))
    assert [len(first_periods(tested, count).experiments) for count in (24, 25, 44, 45)] == [0, 1, 1, 2]
    np.testing.assert_array_equal(fitted(tested, n_train=30).experiments.number, [0])


@pytest.mark.parametrize("fit", [{"noise": "by_firm"}, {"gain": "estimated"}, {"loss": "soft_l1"}])
def test_other_fits_take_them_too(fit):
    market = tried_market()
    one = experiment()
    tested = with_experiments(market, replace(one, effect=truth_of(market, one), stderr=0.002))
    alone, record = fitted(market, **fit), fitted(tested, **fit)
    assert record.status.usable
    assert record.stderr[PRICE] < 0.6 * alone.stderr[PRICE]
    assert abs(value_of(record) - BETA[PRICE]) < 3.0 * record.stderr[PRICE]
    # The unit of the rows is the deviation of the residuals that compare shares.
    residual = record.model.residual(record.theta)[: record.model.n_residuals]
    assert record.model.experiments.deviation == pytest.approx(
        np.sqrt(residual @ residual / residual.size), rel=0.1
    )
