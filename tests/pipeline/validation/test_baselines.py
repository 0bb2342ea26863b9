import numpy as np
import pytest
import statsmodels.api as sm
from market_of import market_of, softmax
from sklearn.linear_model import LinearRegression

from pipeline.validation.baselines import BASELINES, brownian_motion, predict, predict_shares


def test_last_and_mean_share():
    market = market_of([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])
    np.testing.assert_allclose(predict_shares("last", market, 2)[2], [0.8, 0.2])
    expected = np.sqrt([0.5 * 0.8, 0.5 * 0.2])
    np.testing.assert_allclose(predict_shares("mean", market, 2)[2], expected / expected.sum())


def test_static_attraction_recovers_its_own_model():
    rng = np.random.default_rng(0)
    efforts = rng.normal(size=(2, 30, 4))
    share = softmax(np.array([0.0, 0.5, -0.3, 0.1]) + 0.7 * efforts[0] - 1.1 * efforts[1])
    np.testing.assert_allclose(predict_shares("attraction", market_of(share, efforts), 20), share, atol=1e-10)


def test_brownian_motion_extrapolates_the_growth_of_each_firm():
    time = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    sales = np.stack([np.exp(0.1 * time), 2.0 * np.exp(-0.05 * time)], axis=1)
    total = sales.sum(axis=1)
    market = market_of(sales / total[:, None], total=total, duration=[1, 1, 1, 2, 1])
    np.testing.assert_allclose(predict_shares("wiener", market, 3), market.share, atol=1e-12)


@pytest.mark.parametrize("name", BASELINES)
def test_entry_and_exit_keep_the_simplex(name):
    rng = np.random.default_rng(1)
    share = rng.dirichlet(np.ones(4), size=12)
    share[8:, 0] = np.nan
    share[:9, 3] = np.nan
    share /= np.nansum(share, axis=1, keepdims=True)
    predicted = predict_shares(name, market_of(share, rng.normal(size=(1, 12, 4))), 8)
    assert np.array_equal(np.isnan(predicted), np.isnan(share))
    np.testing.assert_allclose(np.nansum(predicted, axis=1), 1.0)


def test_nothing_after_the_training_periods_is_used_but_entry():
    rng = np.random.default_rng(2)
    share, efforts = rng.dirichlet(np.ones(3), size=10), rng.normal(size=(1, 10, 3))
    other = share.copy()
    other[7:] = rng.dirichlet(np.ones(3), size=3)
    for name in BASELINES:
        np.testing.assert_array_equal(
            predict_shares(name, market_of(share, efforts), 7),
            predict_shares(name, market_of(other, efforts), 7),
        )


def test_attraction_is_least_squares_on_log_ratios():
    rng = np.random.default_rng(3)
    efforts, share = rng.normal(size=(2, 40, 3)), rng.dirichlet(np.full(3, 5.0), size=40)
    # In log-ratios to the mean every firm has a row; two constants say what three that sum to zero do.
    centre = np.eye(3) - 1 / 3
    target = (np.log(share[:30]) @ centre).ravel()
    constants = np.tile(centre, (40, 1))
    design = np.column_stack([constants[:, :2], *((effort @ centre).ravel() for effort in efforts)])
    fit = LinearRegression(fit_intercept=False).fit(design[:90], target)
    expected = softmax(fit.predict(design).reshape(40, 3))
    np.testing.assert_allclose(predict_shares("attraction", market_of(share, efforts), 30), expected)


def test_mci_is_attraction_on_logarithms_of_positive_efforts():
    rng = np.random.default_rng(4)
    efforts, share = rng.uniform(0.5, 2.0, size=(2, 30, 3)), rng.dirichlet(np.ones(3), size=30)
    efforts[1] -= 1.0  # a discount: of both signs, so it stays as it is
    found = predict_shares("mci", market_of(share, efforts), 20)
    logs = np.stack([np.log(efforts[0]), efforts[1]])
    np.testing.assert_allclose(found, predict_shares("attraction", market_of(share, logs), 20))


def test_drift_and_volatility_are_those_of_weighted_least_squares():
    rng = np.random.default_rng(5)
    elapsed = rng.integers(1, 4, 50).astype(float)
    time = np.concatenate([[0.0], np.cumsum(elapsed)])
    log_sales = np.concatenate(
        [[1.0], 1.0 + np.cumsum(0.1 * elapsed + rng.normal(size=50) * np.sqrt(elapsed))]
    )
    drift, variance = brownian_motion(time, log_sales)
    fit = sm.WLS(np.diff(log_sales), elapsed, weights=1 / elapsed).fit()
    assert drift == pytest.approx(fit.params[0])
    # Maximum likelihood divides by the number of increments, least squares by the degrees of freedom.
    assert variance == pytest.approx(fit.scale * 49 / 50)


def test_brownian_motion_spreads_with_time_and_forecasts_sales():
    rng = np.random.default_rng(6)
    sales = np.exp(np.cumsum(rng.normal(0.01, 0.1, size=(40, 3)), axis=0))
    total = sales.sum(axis=1)
    market = market_of(sales / total[:, None], total=total)
    predicted = predict("wiener", market, 30)
    np.testing.assert_allclose(predicted.covariance[4], 5 * predicted.covariance[0])
    drift = (np.log(sales[29]) - np.log(sales[0])) / 29
    np.testing.assert_allclose(predicted.total_sales[1], np.exp(np.log(sales[29]) + 2 * drift).sum())


def test_distributions_are_right_where_the_baseline_is_true():
    """Of a random walk of log-ratios, squared errors scaled by the forecast covariance have mean 1."""
    rng = np.random.default_rng(7)
    scaled = []
    for _ in range(60):
        log = np.cumsum(rng.normal(0.0, 0.2, size=(64, 3)), axis=0)
        market = market_of(softmax(log))
        predicted = predict("last", market, 60)
        error = np.log(market.share[60:] / predicted.share)
        error -= error.mean(axis=1, keepdims=True)
        # What firms have in common is not seen in shares.
        centre = np.eye(3) - 1 / 3
        scaled.append((error**2).sum(axis=1) / np.trace(centre @ predicted.covariance, axis1=1, axis2=2))
    np.testing.assert_allclose(np.mean(scaled, axis=0), 1.0, atol=0.3)


def test_two_observations_give_a_drift_but_no_volatility():
    drift, variance = brownian_motion(np.array([0.0, 2.0]), np.array([1.0, 1.5]))
    assert drift == 0.25
    assert np.isnan(variance)
