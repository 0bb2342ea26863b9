"""Closure, Helmert basis and log-ratio coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.numeric.simplex import (
    close,
    helmert_basis,
    helmert_factors,
    helmert_full_rows,
    helmert_row,
    ilr,
    ilr_inverse,
    share_tangent,
)


@pytest.mark.parametrize("n", [2, 3, 10, 200])
def test_basis_is_orthonormal_and_contrasts(n):
    basis = helmert_basis(n)
    np.testing.assert_allclose(basis @ basis.T, np.eye(n - 1), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=1), 0.0, atol=1e-13)


def test_first_coordinate_of_two_firms_is_the_scaled_log_ratio():
    assert ilr([0.8, 0.2])[0] == pytest.approx(np.log(4.0) / np.sqrt(2.0), rel=1e-15)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_coordinates_keep_distances_and_invert(n, seed):
    rng = np.random.default_rng(seed)
    shares = close(rng.lognormal(sigma=3.0, size=(4, n)))
    np.testing.assert_allclose(ilr_inverse(ilr(shares)), shares, rtol=1e-11)
    logs = np.log(shares)
    centred = logs - logs.mean(axis=-1, keepdims=True)
    distance = np.linalg.norm(ilr(shares)[0] - ilr(shares)[1])
    assert distance == pytest.approx(np.linalg.norm(centred[0] - centred[1]), rel=1e-12)


def test_compiled_rows_are_the_basis():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 7))
    out = np.full(40, np.nan)
    helmert_full_rows(helmert_factors(7), x, out, 2)
    np.testing.assert_allclose(out[2:32], (x @ helmert_basis(7).T).ravel(), atol=1e-14)
    assert np.isnan(out[:2]).all()
    assert np.isnan(out[32:]).all()


def test_rows_skip_absent_firms():
    x = np.array([1.0, np.nan, 2.5, -1.0, np.nan])
    present = np.array([True, False, True, True, False])
    out = np.full(4, np.nan)
    helmert_row(helmert_factors(5), present, x, out, 1)
    np.testing.assert_allclose(out[1:3], helmert_basis(3) @ x[present], atol=1e-15)
    assert np.isnan(out[[0, 3]]).all()


def test_share_tangent_differentiates_shares():
    share = np.array([0.2, 0.0, 0.5, 0.3])
    present = np.array([True, False, True, True])
    x = np.array([1.0, 9.0, -2.0, 0.5])
    out = np.full(4, np.nan)
    share_tangent(present, share, x, out)
    mean = 0.2 * 1.0 - 0.5 * 2.0 + 0.3 * 0.5
    expected = [0.2 * (1.0 - mean), np.nan, 0.5 * (-2.0 - mean), 0.3 * (0.5 - mean)]
    np.testing.assert_allclose(out, expected, rtol=1e-14)


def test_closure_ignores_missing_firms():
    np.testing.assert_allclose(close([[1.0, np.nan, 3.0]]), [[0.25, np.nan, 0.75]])


@pytest.mark.parametrize(
    ("amounts", "message"),
    [([1.0, -2.0], r"-2\.0 at \(1,\)"), ([1.0, np.inf], "finite"), ([0.0, 0.0], "positive total")],
)
def test_closure_refuses(amounts, message):
    with pytest.raises(ValueError, match=message):
        close(amounts)


def test_log_ratios_refuse_zero_shares():
    with pytest.raises(ValueError, match=r"got 0\.0 at \(0, 1\)"):
        ilr([[1.0, 0.0]])
