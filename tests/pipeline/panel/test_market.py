import numpy as np
import pytest
import xarray as xr

from pipeline.panel.market import iterate_markets, market_arrays


@pytest.fixture
def dataset():
    nan = np.nan
    sales = np.array(
        [
            # Firm C never sells in market 1, nobody in period 12; B is absent in 11.
            [[1.0, 2.0, nan, 3.0], [3.0, nan, nan, 1.0], [nan] * 4],
            [[1.0, 1.0, 1.0, 1.0], [nan] * 4, [1.0, 1.0, 1.0, 3.0]],
        ]
    )
    efforts = np.arange(48.0).reshape(2, 3, 2, 4)
    return xr.Dataset(
        {
            "sales": (("market", "firm", "time"), sales),
            "efforts": (("market", "firm", "effort", "time"), efforts),
        },
        coords={
            "market": [1, 2],
            "firm": ["A", "B", "C"],
            "effort": ["price", "deal"],
            "time": [10, 11, 12, 13],
            "period": ("time", [0, 1, 2, 3]),
        },
    )


def test_a_market_keeps_its_own_firms_and_periods(dataset):
    market = market_arrays(dataset, 1)
    assert market.market == 1
    np.testing.assert_array_equal(market.firms, ["A", "B"])
    np.testing.assert_array_equal(market.times, [10, 11, 13])
    np.testing.assert_array_equal(market.duration, [1, 1, 2])
    np.testing.assert_array_equal(market.total_sales, [4, 2, 4])
    np.testing.assert_array_equal(market.share, [[0.25, 0.75], [1.0, np.nan], [0.75, 0.25]])
    np.testing.assert_array_equal(market.active, [[True, True], [True, False], [True, True]])
    assert market.efforts.shape == (2, 3, 2)
    assert market.efforts[1, 2, 0] == dataset.efforts.sel(market=1, firm="A", effort="deal", time=13)


def test_arrays_are_as_kernels_want_them(dataset):
    market = market_arrays(dataset, 2)
    for array in (market.share, market.total_sales, market.duration, market.efforts):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
    assert market.active.dtype == bool
    assert market.active.flags.c_contiguous


def test_axes_in_another_order_change_nothing(dataset):
    turned = dataset.transpose("time", "effort", "firm", "market")
    for one, other in zip(iterate_markets(dataset), iterate_markets(turned), strict=True):
        np.testing.assert_array_equal(one.efforts, other.efforts)
        np.testing.assert_array_equal(one.share, other.share)


def test_unknown_market_is_refused(dataset):
    with pytest.raises(KeyError, match="Got the market 3"):
        market_arrays(dataset, 3)


def test_the_scale_of_a_market_is_the_one_that_the_study_gives(dataset):
    assert market_arrays(dataset, 1).reference_sales is None
    assert market_arrays(dataset.assign_attrs(reference_sales=250), 1).reference_sales == 250.0
