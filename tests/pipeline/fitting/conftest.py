"""A layout of residuals that tests of serial correlation and of residuals share."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_space import residual_space

PERIODS, FIRMS = 60, 4


@pytest.fixture(scope="module")
def space():
    active = np.ones((PERIODS, FIRMS), dtype=np.bool_)
    share = np.full(active.shape, 1.0 / FIRMS)
    ones = np.ones(PERIODS)
    return residual_space(MarketData(np.zeros((1, *active.shape)), active, share, ones, ones, 1.0, 0))
