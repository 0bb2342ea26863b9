"""Residual rows by period and firm, with firms that come and go."""

import numpy as np
import pytest

from kernels.least_squares.market import PLAIN, MarketData, moving_firms, observed_target
from pipeline.fitting.uncertainty.residual_space import residual_space


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    active = np.ones((7, 4), dtype=np.bool_)
    active[:3, 1] = active[5:, 3] = False
    share = np.where(active, rng.uniform(1.0, 2.0, active.shape), 0.0)
    share /= share.sum(axis=1, keepdims=True)
    duration = np.array([1.0, 1, 1, 3, 1, 1, 1])
    return MarketData(np.zeros((1, 7, 4)), active, share, np.ones(7), duration, 1.0, 1)


def test_rows_go_to_firms_and_back(data):
    space = residual_space(data)
    rows = np.random.default_rng(1).normal(size=(5, space.n_rows))
    firms = space.to_firms(rows)
    assert firms.shape == (5, 6, 4)
    assert np.all(firms[:, ~data.active[1:]] == 0.0)
    np.testing.assert_allclose(space.to_rows(firms), rows, atol=1e-14)
    np.testing.assert_allclose(np.sum(firms**2, axis=(1, 2)), np.sum(rows**2, axis=1))


def test_log_shares_give_the_rows_of_the_kernel(data):
    space = residual_space(data)
    log = np.where(data.active[1:], np.log(np.where(data.active, data.share, 1.0))[1:], 0.0)
    np.testing.assert_allclose(space.to_rows(log), observed_target(data), atol=1e-14)
    np.testing.assert_allclose(space.to_firms(observed_target(data)).sum(axis=1), 0.0, atol=1e-14)


def test_shares_give_the_rows_of_the_kernel(data):
    moving = np.where(moving_firms(data.active), data.share, 0.0)[1:]
    rows = residual_space(data).to_rows(moving / moving.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(rows, observed_target(data._replace(kind=PLAIN)), atol=1e-14)


def test_gaps_count_as_time(data):
    space = residual_space(data)
    assert np.diff(space.elapsed).tolist() == [1, 3, 1, 1, 1]
    assert not space.whole


def test_overlap_counts_rows_that_two_periods_share(data):
    space = residual_space(data)
    np.testing.assert_allclose(space.overlap(0), (moving_firms(data.active)[1:].sum(axis=1) - 1))
    # Firm 1 enters in period 3 and moves from period 4 on: tr(P_A P_B) with A inside B is that of A.
    assert space.overlap(1)[2] == pytest.approx(2.0)
