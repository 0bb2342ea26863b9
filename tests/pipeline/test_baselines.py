import numpy as np
import pytest

from pipeline.baselines import BASELINES, predict_shares
from pipeline.panel_market import MarketArrays


def market_of(share, efforts=None, total=None, active=None, duration=None):
    share = np.asarray(share, float)
    active = np.isfinite(share) if active is None else active
    times = share.shape[0]
    return MarketArrays(
        market="m",
        firms=np.arange(share.shape[1]),
        times=np.arange(times),
        share=share,
        total_sales=np.ones(times) if total is None else np.asarray(total, float),
        duration=np.ones(times) if duration is None else np.asarray(duration, float),
        efforts=np.zeros((0, *share.shape)) if efforts is None else np.asarray(efforts, float),
        active=active,
    )


def softmax(level):
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


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
