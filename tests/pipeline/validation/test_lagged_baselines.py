"""The baselines with lags against scikit-learn, closed forms, and markets that follow them exactly."""

import numpy as np
import pytest
from market_of import market_of, softmax
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge

from pipeline.validation.baselines import predict, predict_shares
from pipeline.validation.boosting import train_booster
from pipeline.validation.forecasters import carry_forward
from pipeline.validation.lagged_attraction import ridge
from pipeline.validation.recursion import forecast_recursively, origins_inside


def lagged_market(seed, times=60, firms=4, noise=0.0):
    """Log-attraction with slopes by firm, a lag of the effort, and half of the last log share."""
    rng = np.random.default_rng(seed)
    efforts = rng.normal(size=(1, times, firms))
    constant, now = rng.normal(0.0, 0.3, firms), rng.normal(1.0, 0.5, firms)
    log = np.zeros((times, firms))
    for t in range(1, times):
        log[t] = constant + now * efforts[0, t] - 0.4 * efforts[0, t - 1] + 0.5 * log[t - 1]
        log[t] += noise * rng.normal(size=firms)
        log[t] -= log[t].mean()
    return market_of(softmax(log), efforts)


def test_ridge_is_that_of_sklearn_with_some_columns_left_free():
    rng = np.random.default_rng(0)
    free, held, target = rng.normal(size=(80, 3)), rng.normal(size=(80, 12)), rng.normal(size=80)
    penalties = np.array([0.1, 3.0, 50.0])
    found = ridge(free, held, target, penalties)
    # A column that is a thousand times larger feels a millionth of the penalty.
    big = 1e4
    for penalty, coefficients in zip(penalties, found, strict=True):
        model = Ridge(alpha=penalty, fit_intercept=False, solver="svd")
        model.fit(np.column_stack([big * free, held]), target)
        np.testing.assert_allclose(coefficients[3:], model.coef_[3:], rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(coefficients[:3], model.coef_[:3] * big, rtol=1e-5, atol=1e-8)
    everything = LinearRegression(fit_intercept=False).fit(np.column_stack([free, held]), target)
    np.testing.assert_allclose(ridge(free, held, target, np.array([1e-12]))[0], everything.coef_, rtol=1e-6)


def test_lagged_attraction_forecasts_its_own_model_many_periods_ahead():
    market = lagged_market(1)
    found = predict_shares("attraction_lagged", market, 45)
    np.testing.assert_allclose(found[45:], market.share[45:], atol=2e-3)
    static = predict_shares("attraction", market, 45)
    assert np.abs(static[45:] - market.share[45:]).mean() > 20 * np.abs(found[45:] - market.share[45:]).mean()


def test_the_penalty_gives_up_slopes_by_firm_where_there_are_none():
    rng = np.random.default_rng(2)
    efforts = rng.normal(size=(3, 24, 6))
    share = softmax(efforts[0] - 0.5 * efforts[1] + rng.normal(0.0, 0.3, (24, 6)))
    market = market_of(share, efforts)
    truth = softmax(efforts[0] - 0.5 * efforts[1])[20:]
    found = predict_shares("attraction_lagged", market, 20)[20:]
    # 43 coefficients from 20 periods: without the penalty they would be worse than no effort at all.
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.5 * np.sqrt(np.mean((truth - 1 / 6) ** 2))


def test_errors_add_up_as_the_lag_carries_them_on():
    """Of y(t) = φ y(t-1) + e the variance h periods ahead is that of e times 1 + φ² + ... ."""
    market = market_of(np.full((30, 3), 1 / 3))
    centre = np.eye(3) - 1 / 3
    estimate = forecast_recursively(market, 10, lambda t, past: 0.8 * past[:, 0], 0.01 * np.eye(3))
    found = np.trace(centre @ estimate.covariance @ centre, axis1=1, axis2=2)
    expected = 0.02 * np.cumsum(0.8 ** (2 * np.arange(20)))
    np.testing.assert_allclose(found, expected, rtol=0.25)


def test_boosting_is_that_of_sklearn_on_rows_of_firms_and_periods():
    market = lagged_market(3, noise=0.1)
    booster = train_booster([(market, 50)])
    level = np.log(market.share[:50]) - np.log(market.share[:50]).mean(axis=1, keepdims=True)
    mean = level.mean(axis=0)
    own = market.efforts[0] - market.efforts[0].mean(axis=1, keepdims=True)
    rows, wanted = [], []

    def columns(t, i, last, before):
        return [i, own[t, i], market.efforts[0, t].mean(), own[t - 1, i], last - mean[i], before, mean[i]]

    for t in range(1, 50):
        for i in range(4):
            before = level[t - 2, i] - mean[i] if t > 1 else np.nan
            rows.append(columns(t, i, level[t - 1, i], before))
            wanted.append(level[t, i] - (mean[i] if booster.target == "mean" else level[t - 1, i]))
    trees = HistGradientBoostingRegressor(**booster.trees.get_params()).fit(np.array(rows), np.array(wanted))
    ahead = trees.predict(np.array([columns(50, i, level[49, i], level[48, i] - mean[i]) for i in range(4)]))
    offset = mean if booster.target == "mean" else level[49]
    np.testing.assert_allclose(
        predict_shares("boosting", market, 50)[50], softmax((offset + ahead)[None])[0], rtol=1e-9
    )


def test_boosting_learns_from_other_markets():
    def mixed(seed):
        """A step: efforts work from a threshold on, and only for the first two firms."""
        rng = np.random.default_rng(seed)
        efforts = rng.normal(size=(1, 40, 4))
        work = 1.5 * (efforts[0] > 0.5) * (np.arange(4) < 2)
        return market_of(softmax(work + rng.normal(0.0, 0.1, (40, 4))), efforts)

    markets = [mixed(seed) for seed in range(12)]
    markets = [type(one)(**{**vars(one), "market": place}) for place, one in enumerate(markets)]
    booster = train_booster([(one, 20) for one in markets])

    def rmse(share):
        return np.sqrt(np.mean((share - markets[0].share[20:]) ** 2))

    pooled = predict("boosting", markets[0], 20, booster=booster).share
    again = predict("boosting", markets[0], 20, booster=train_booster([(one, 20) for one in markets])).share
    np.testing.assert_array_equal(pooled, again)
    alone = predict("boosting", markets[0], 20).share
    assert rmse(pooled) < 0.8 * rmse(alone)
    assert rmse(pooled) < 0.75 * rmse(predict_shares("attraction", markets[0], 20)[20:])


@pytest.mark.parametrize("name", ["attraction_lagged", "boosting"])
def test_entrants_make_room_and_keep_their_share(name):
    market = lagged_market(4, times=30)
    share = market.share.copy()
    share[:22, 3] = np.nan
    share /= np.nansum(share, axis=1, keepdims=True)
    efforts = np.where(np.isnan(share), np.nan, market.efforts)
    entered = market_of(share, efforts)
    found = predict_shares(name, entered, 20)
    np.testing.assert_allclose(found[22:, 3], share[22, 3])
    np.testing.assert_allclose(np.nansum(found, axis=1), 1.0)
    assert np.isnan(found[:22, 3]).all()
    held = predict_shares(name, carry_forward(entered, 20), 20)
    assert not np.allclose(held[24:, 0], found[24:, 0])


def test_a_static_forecast_gives_an_entrant_its_share():
    rng = np.random.default_rng(8)
    efforts = np.zeros((1, 12, 4))
    share = softmax(rng.normal(0.0, 0.05, (12, 4)))
    share[:9, 3] = np.nan
    share[9:, 3] = 0.2
    share[:, :3] *= np.where(np.isnan(share[:, 3]), 1.0, 0.8)[:, None] / share[:, :3].sum(
        axis=1, keepdims=True
    )
    found = predict_shares("attraction", market_of(share, efforts), 8)
    # Others at the scale of shares: 0.2 beside their 1.
    np.testing.assert_allclose(found[9:, 3], 0.2 / 1.2, rtol=1e-6)


@pytest.mark.parametrize("name", ["attraction_lagged", "boosting"])
@pytest.mark.parametrize("n_train", [1, 2, 4])
def test_very_short_markets_have_a_forecast(name, n_train):
    market = lagged_market(5, times=8)
    predicted = predict(name, market, n_train)
    assert np.isfinite(predicted.share).all()
    assert np.isfinite(predicted.covariance).all()


def test_origins_cut_the_second_half():
    assert origins_inside(20) == ((10, 12), (12, 15), (15, 18), (18, 20))
    assert origins_inside(3) == ()


@pytest.mark.parametrize("name", ["attraction_lagged", "boosting"])
def test_courses_of_efforts_are_followed_without_learning_again(name):
    rng = np.random.default_rng(4)
    efforts = rng.normal(size=(1, 40, 3))
    market = market_of(softmax(efforts[0] + rng.normal(0.0, 0.1, (40, 3))), efforts)
    known = predict(name, market, 30)
    same = predict(name, market, 30, np.tile(efforts[:, 30:], (3, 1, 1, 1)))
    np.testing.assert_allclose(same.courses, np.tile(known.share, (3, 1, 1)), rtol=1e-12)
    other = predict(name, market, 30, np.stack([efforts[:, 30:], efforts[:, 30:] + [[[1.0, 0.0, 0.0]]]]))
    assert np.all(other.courses[1, :, 0] > other.courses[0, :, 0] + 0.01)
