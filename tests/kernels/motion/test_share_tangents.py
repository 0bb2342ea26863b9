"""Derivatives of single periods against central differences of the exact shares, and their adding up."""

import numpy as np
import pytest

from kernels.motion.share_tangents import period_tangents
from kernels.motion.shares import simulate_shares

STEP = 1e-5


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.3])
def test_against_differences(gamma):
    rng = np.random.default_rng(3)
    share, f = rng.dirichlet(np.ones(4), 5), rng.uniform(0.1, 0.9, (5, 4))
    f[3, 2] = np.nan
    share[3, 2] = 0.0
    share /= share.sum(axis=1, keepdims=True)
    total, duration = rng.uniform(80.0, 120.0, 5), rng.uniform(0.5, 2.0, 5)
    constants = {"jump_price": 90.0, "reference_sales": 100.0, "returns_to_scale": gamma}

    def end(share, f):
        return simulate_shares(share, f[:, None], total[:, None], duration[:, None], **constants)[:, 0]

    found = period_tangents(share, f, total, duration, **constants)
    np.testing.assert_allclose(found.share, end(share, f), atol=1e-14)
    for derivative in (found.response, found.state):
        assert np.abs(np.einsum("bci,bi->bc", derivative, np.nan_to_num(found.share))).max() < 1e-14
    for firm in range(4):
        unit = STEP * (np.arange(4) == firm)
        by_f = (np.log(end(share, f + unit)) - np.log(end(share, f - unit))) / (2 * STEP)
        sides = [share * np.exp(side * unit) for side in (1.0, -1.0)]
        up, down = (np.log(end(side / side.sum(axis=1, keepdims=True), f)) for side in sides)
        there = np.isfinite(f) & np.isfinite(f[:, [firm]])
        np.testing.assert_allclose(found.response[:, firm][there], by_f[there], atol=1e-7)
        np.testing.assert_allclose(found.state[:, firm][there], ((up - down) / (2 * STEP))[there], atol=1e-7)
    assert not found.response[3, 2].any()
    assert not found.state[3, 2].any()
    assert not found.response[3, :, 2].any()
