"""Expected sums of products of residuals, against traces of the matrices that define them."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_moments import ResidualMoments
from pipeline.fitting.uncertainty.residual_space import residual_space

LAGS = 3


def layout(periods, firms, absent=(), duration=()):
    """A space of residuals with firms absent (period, firm) and some periods longer than one."""
    active, length = np.ones((periods, firms), dtype=np.bool_), np.ones(periods)
    for period, firm in absent:
        active[period, firm] = False
    for period, value in duration:
        length[period] = value
    share = np.full(active.shape, 1.0 / firms)
    data = MarketData(np.zeros((1, *active.shape)), active, share, length, np.ones(periods), 1.0, 0)
    return residual_space(data)


def traces(space, place, directions, lags):
    """tr(M L_j M T_k) by dense matrices of rows, (J + 1, K)."""
    size = space.n_rows
    firms = space.to_firms(np.eye(size))
    residual = np.eye(size) - directions.T @ directions
    apart = np.abs(place[:, None] - place)

    def link(lag):
        """The symmetric matrix that sums products of firms of periods ``lag`` apart."""
        return np.einsum("isn,st,jtn->ij", firms, (apart == lag).astype(float), firms)

    links = [link(lag) for lag in range(place[-1] + 1)]
    half = [links[0], *(0.5 * one for one in links[1 : lags + 1])]
    return np.array([[np.trace(residual @ one @ residual @ two) for two in links] for one in half])


@pytest.mark.parametrize(
    ("firms", "absent", "duration"),
    [
        (3, (), ()),
        (2, (), ()),
        (3, (), ((4, 2.0), (9, 3.0))),
        (4, ((0, 0), (1, 0), (2, 0), (6, 2), (7, 2), (7, 3)), ()),
        (4, ((5, 0), (5, 1), (5, 2), (11, 3)), ((8, 2.0),)),
    ],
)
def test_expected_sums_are_those_of_dense_matrices(firms, absent, duration):
    space = layout(12, firms, absent, duration)
    place = np.rint(space.elapsed - space.elapsed[0]).astype(int)
    rng = np.random.default_rng(1)
    # Fits of ranks 3, 1 and 0: rows that are missing are zeros.
    directions = np.linalg.qr(rng.standard_normal((3, space.n_rows, 3)))[0].swapaxes(1, 2)
    directions[1, 1:], directions[2] = 0.0, 0.0
    moments = ResidualMoments(space, directions, LAGS)
    for expected, taken in zip(moments.expected, directions, strict=True):
        np.testing.assert_allclose(expected, traces(space, place, taken, LAGS), atol=1e-12)


def test_long_series_are_as_short_ones(monkeypatch):
    space = layout(40, 3, ((3, 1),))
    rng = np.random.default_rng(2)
    directions = np.linalg.qr(rng.standard_normal((2, space.n_rows, 4)))[0].swapaxes(1, 2)
    short = ResidualMoments(space, directions, LAGS).expected
    monkeypatch.setattr("pipeline.fitting.uncertainty.residual_moments._SHORT", 0)
    np.testing.assert_allclose(ResidualMoments(space, directions, LAGS).expected, short, atol=1e-12)


def test_observed_sums_come_out_as_expected_on_average():
    space = layout(12, 4, ((2, 0), (6, 1)), ((8, 2.0),))
    rng = np.random.default_rng(3)
    directions = np.linalg.qr(rng.standard_normal((space.n_rows, 5)))[0].T
    error = rng.standard_normal((4000, space.n_rows))
    moments = ResidualMoments(space, directions[np.newaxis], LAGS)
    sums = moments.observe(error - (error @ directions.T) @ directions)
    spread = sums.std(axis=0) / np.sqrt(len(sums))
    assert np.all(np.abs(sums.mean(axis=0) - moments.expected[0, :, 0]) < 4.0 * spread)
