"""What estimates owe to a first stage that was itself estimated: the addition to their covariance.

The control of an endogenous effort is the residual of a regression whose slopes π have a covariance V₁. The
estimates answer to them by G = -(J Jᵀ)⁻¹ J ∂r/∂π, so G V₁ Gᵀ is added to every covariance of the second
stage; where the effort is exogenous, the coefficient of its control is 0, and so is this.

Source: Murphy & Topel (1985), J. Business & Economic Statistics 3, 370. The errors of both stages are
uncorrelated given the control, so there is no third term.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.residual import make_market_workspace, prepare_market, residual_jacobian
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.fitting.uncertainty.covariance import Covariance
from pipeline.models.instruments.controls import rows_of
from pipeline.models.market_model import MarketModel


def first_stage_covariance(
    model: MarketModel, theta: Vector, covariance: Covariance, jacobian: Matrix
) -> Matrix:
    """Covariance (C, C) that the first stages of a model add to its C parameters; 0 without any.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Its optimum.
    covariance : Covariance
        Of the second stage.
    jacobian : (C, >= R) array
        What it was made from: rows that compare shares, and then those of priors.
    """
    count = len(jacobian)
    total = np.zeros((count, count))
    if not model.stages:
        return total
    basis, known = covariance.basis, model.residual(theta)
    assert known is not None, "an optimum has residuals"
    known = known[: model.n_residuals]
    for row, stage in enumerate(model.stages):
        slope = np.array([_slope(model, theta, row, regressor, known) for regressor in stage.regressors])
        answer = -basis @ (basis.T @ (jacobian[:, : model.n_residuals] @ slope.T))
        total += answer @ stage.covariance @ answer.T
    return total


def hausman_t(model: MarketModel, theta: Vector, inner: NDArray[np.bool_], covariance: Matrix) -> Vector:
    """Give the t-statistics (E,) of the controls of a model: that the efforts are exogenous.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Its optimum.
    inner : (P,) array of bool
        Parameters that have a covariance.
    covariance : (C, C) array
        Of these, without what first stages add: were a control 0, as the test supposes, it would be nothing.
    """
    spread = np.full(theta.size, np.nan)
    known = np.diag(covariance)
    spread[inner] = np.sqrt(np.where(known > 0.0, known, np.nan))
    statistic: Vector = theta[model.controls] / spread[model.controls]
    return statistic


def draw_controlled_errors(model: MarketModel, theta: Vector, count: int, rng: np.random.Generator) -> Cube:
    """Draw what errors (count, T, N) owe to controls, had first stages other slopes, by their covariance."""
    drawn = np.zeros((count, *model.data.active.shape))
    for coefficient, stage in zip(theta[model.controls], model.stages, strict=True):
        slopes = rng.multivariate_normal(np.zeros(stage.slopes.size), stage.covariance, count)
        control = stage.control - np.tensordot(slopes, stage.regressors, axes=1)
        drawn += coefficient * control
    return drawn


def _slope(model: MarketModel, theta: Vector, row: int, regressor: Matrix, known: Vector) -> Vector:
    """Differentiate the residual ``known`` (R,) in a first-stage slope: the control loses that regressor.

    The residual is straight in the control, so any difference will do.
    """
    moved = model.data.controls.copy()
    moved[row] -= rows_of(regressor, model.data)
    slope: Vector = _residual(model, theta, moved) - known
    return slope


def _residual(model: MarketModel, theta: Vector, controls: Matrix) -> Vector:
    """Compare shares, (R,), under other controls."""
    data = model.data._replace(controls=controls)
    work = make_market_workspace(model.response.spec, data, 0)
    prepare_market(model.response.spec, data, work)
    residual, nothing = np.empty(model.n_residuals), np.empty((0, model.n_residuals))
    residual_jacobian(
        model.response.spec,
        data,
        model.target,
        model.prior_mean,
        model.prior_weight,
        model.gamma_form,
        np.ascontiguousarray(theta),
        np.full(theta.size, -1, dtype=np.int64),
        work,
        residual,
        nothing,
    )
    return residual
