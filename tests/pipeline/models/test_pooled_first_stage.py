"""Pooled first stages against regressions with dummies on all cells, and clustered errors of statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from pipeline.models.instruments.first_stage import FirstStageError, first_stage
from pipeline.models.instruments.pooled import StagePool, market_stage

LABELS = ["cost", "tax", "feature"]


def markets(count, seed=0, periods=9, instruments=0.4):
    """Price, instruments and an exogenous effort of short markets; firms come, prices hang together."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        shape = (periods + number % 3, 3 + number % 2)
        regressors = rng.normal(size=(3, *shape)) + rng.normal(size=(3, 1, shape[1]))
        active = np.ones(shape, dtype=bool)
        active[:3, 0] = number % 4 != 0
        shock = rng.normal(size=shape) + 0.5 * rng.normal(size=(shape[0], 1))
        price = 5.0 + instruments * regressors[0] - 0.2 * regressors[2] + shock + rng.normal(size=shape[1])
        regressors[:, ~active] = price[~active] = np.nan
        made.append((price, regressors, active))
    return made


def pooled(made, labels=LABELS, n_instruments=2):
    pool = StagePool("price", labels, n_instruments)
    for one in made:
        pool.add(*one)
    return pool.estimate()


def stacked(made):
    """All cells of all markets: effort, regressors, and dummies of every firm and period of every market."""
    price, rows, market, dummies = [], [], [], []
    for number, (effort, regressors, active) in enumerate(made):
        time, firm = np.nonzero(active)
        price.append(effort[active])
        rows.append(regressors[:, active].T)
        market.append(np.full(time.size, number))
        dummies.append(np.column_stack([np.eye(active.shape[1])[firm], np.eye(len(active))[time][:, 1:]]))
    wide = np.zeros((sum(map(len, dummies)), sum(one.shape[1] for one in dummies)))
    row = column = 0
    for one in dummies:
        wide[row : row + len(one), column : column + one.shape[1]] = one
        row, column = row + len(one), column + one.shape[1]
    return np.concatenate(price), np.vstack(rows), np.concatenate(market), wide


def test_slopes_are_least_squares_with_constants_of_all_firms_and_periods():
    made = markets(20)
    price, rows, _, constants = stacked(made)
    expected = np.linalg.lstsq(np.hstack([rows, constants]), price, rcond=None)[0][:3]
    found = pooled(made)
    assert found.labels == tuple(LABELS)
    assert found.n_markets == 20
    np.testing.assert_allclose(found.slopes, expected, rtol=1e-9)


def test_covariance_and_f_are_those_of_statsmodels_clustered_by_market():
    made = markets(20)
    price, rows, market, constants = stacked(made)
    both = np.column_stack([price, rows])
    within = both - constants @ np.linalg.lstsq(constants, both, rcond=None)[0]
    fitted = sm.OLS(within[:, 0], within[:, 1:]).fit(cov_type="cluster", cov_kwds={"groups": market})
    found = pooled(made)
    np.testing.assert_allclose(found.covariance, fitted.cov_params(), rtol=1e-8)
    wald = fitted.wald_test(np.eye(3)[:2], use_f=True, scalar=True)
    assert found.f_statistic == pytest.approx(float(wald.statistic), rel=1e-8)


def test_controls_of_markets_are_the_residuals_of_that_regression():
    made = markets(12)
    price, rows, market, constants = stacked(made)
    left = sm.OLS(price, np.hstack([rows, constants])).fit().resid
    found = pooled(made)
    for number in (0, 5):
        stage = market_stage(found, "price", *made[number], LABELS)
        active = made[number][2]
        np.testing.assert_allclose(stage.control[active], left[market == number], atol=1e-10)
        assert (stage.control[~active] == 0.0).all()


def test_the_stage_of_one_market_is_that_of_the_market():
    (made,) = markets(1, periods=30)
    alone = first_stage("price", *made, LABELS, 2)
    found = market_stage(pooled([made]), "price", *made, LABELS)
    np.testing.assert_allclose(found.control, alone.control, atol=1e-12)
    np.testing.assert_allclose(found.covariance, alone.covariance, rtol=1e-12)
    assert found.f_statistic == alone.f_statistic


def test_what_single_markets_lack_all_together_may_have():
    made = markets(20)
    # The tax never moves in the first ten; the feature is nowhere told from the cost.
    for _, regressors, _ in made[:10]:
        regressors[1] = 1.0
    for _, regressors, _ in made:
        regressors[2] = 3.0 * regressors[0]
    with pytest.raises(FirstStageError, match="cost of price follows from"):
        pooled(made)
    found = pooled([(price, regressors[:2], active) for price, regressors, active in made], LABELS[:2])
    with pytest.raises(FirstStageError, match="tax of price does not vary"):
        first_stage("price", made[0][0], made[0][1][:2], made[0][2], LABELS[:2], 2)
    stage = market_stage(found, "price", made[0][0], made[0][1][:2], made[0][2], LABELS[:2])
    assert np.isfinite(stage.control).all()


def test_an_input_that_says_nothing_new_is_left_out():
    made = markets(20)
    more = [(price, np.concatenate([rows, 2.0 * rows[2:]]), active) for price, rows, active in made]
    found = pooled(more, [*LABELS, "twice"])
    assert found.labels == tuple(LABELS)
    np.testing.assert_allclose(found.covariance, pooled(made).covariance, rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows, price: np.stack([0 * price + 1.0, rows[1], rows[2]]), "cost of price does not vary"),
        (lambda rows, price: np.stack([price, rows[1], rows[2]]), "follows from its instruments"),
    ],
    ids=["constant", "the effort itself"],
)
def test_instruments_that_say_nothing_anywhere_are_refused(change, said):
    made = [(price, change(rows, price), active) for price, rows, active in markets(10)]
    with pytest.raises(FirstStageError, match=said):
        pooled(made)


def test_few_markets_are_refused_and_none():
    with pytest.raises(FirstStageError, match="in 3 markets; pooled slopes need more markets"):
        pooled(markets(3))
    with pytest.raises(FirstStageError, match="vary in no market"):
        pooled([])
