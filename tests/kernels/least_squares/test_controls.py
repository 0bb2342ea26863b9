"""Controls: what errors go with stands in every row beside the model, and in nothing else."""

import numpy as np
import pytest

from kernels.least_squares import residual as rs
from kernels.least_squares.batch import fit_batch
from kernels.response.response import compose

N, T = 3, 8
RNG = np.random.default_rng(0)
EFFORTS = RNG.normal(size=(1, T, N))
SHARE = RNG.dirichlet(np.full(N, 20.0), T)
RESPONSE = compose(["linear"], efforts=EFFORTS, link="exp", effects="constant")
DATA = rs.MarketData(
    EFFORTS, np.ones((T, N), bool), SHARE, np.full(T, 100.0), np.ones(T), 100.0, 1, rs.ILR, T, serial=1
)
CONTROLS = RNG.normal(size=(2, (T - 1) * (N - 1)))
# Slope, constant, jump price, returns to scale, gain; two controls; autocorrelation.
THETA = np.array([0.3, -1.0, 100.0, 0.0, 0.4, 0.7, -0.2, 0.0])


def evaluate(data, theta, free):
    column = np.where(free, np.cumsum(free) - 1, -1)
    work = rs.make_market_workspace(RESPONSE.spec, data, int(free.sum()))
    rs.prepare_market(RESPONSE.spec, data, work)
    residual = np.empty(rs.n_observations(data))
    jacobian = np.empty((int(free.sum()), residual.size))
    nothing = np.zeros(theta.size)
    target = rs.observed_target(data)
    status = rs.residual_jacobian(
        RESPONSE.spec, data, target, nothing, nothing, rs.INVESTMENT, theta, column, work, residual, jacobian
    )  # fmt: skip
    assert status == rs.OK
    return residual, jacobian


def test_rows_are_those_without_controls_and_what_goes_with_them():
    free = np.ones(THETA.size, bool)
    free[[2, 3]] = False
    plain, slopes = evaluate(DATA, np.delete(THETA, [5, 6]), np.delete(free, [5, 6]))
    residual, jacobian = evaluate(DATA._replace(controls=CONTROLS), THETA, free)
    np.testing.assert_allclose(residual, plain + THETA[5:7] @ CONTROLS, atol=1e-12)
    np.testing.assert_allclose(jacobian[3:5], CONTROLS, atol=1e-12)
    np.testing.assert_allclose(jacobian[:3], slopes[:3], atol=1e-12)


def test_errors_that_go_with_a_control_are_found_by_a_fit():
    vary = np.array([True, True, False, False, False, True, True, False])
    data = DATA._replace(controls=CONTROLS)
    plain, _ = evaluate(data, THETA * (np.arange(8) < 5), np.zeros(8, bool))
    # What is compared with: the model's own shares and an error that follows the controls.
    target = rs.observed_target(data) + plain + THETA[5:7] @ CONTROLS
    start = THETA * np.array([0.5, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    fit = fit_batch(
        RESPONSE.spec, data, start[None], -1e3, 1e3, vary=vary, gamma_form=rs.INVESTMENT, targets=target[None]
    )  # fmt: skip
    np.testing.assert_allclose(fit.value[0], THETA, atol=1e-6)


def test_controls_of_another_length_are_refused():
    data = DATA._replace(controls=CONTROLS[:, 1:])
    with pytest.raises(ValueError, match="controls are those of one market"):
        fit_batch(RESPONSE.spec, data, THETA[None], -1e3, 1e3, vary=THETA < 0, gamma_form=rs.INVESTMENT)


def test_parameters_are_counted_with_controls():
    data = DATA._replace(controls=CONTROLS)
    with pytest.raises(ValueError, match="2 controls, autocorrelation"):
        fit_batch(RESPONSE.spec, data, THETA[None, :4], -1e3, 1e3, vary=[True] * 4, gamma_form=rs.INVESTMENT)
