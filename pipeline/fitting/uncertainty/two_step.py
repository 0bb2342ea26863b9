"""What estimates owe to a first stage that was itself estimated: the addition to their covariance.

The control of an endogenous effort is the residual of a regression whose slopes π have a covariance V₁. The
estimates answer to them by G = -(J Jᵀ)⁻¹ J ∂r/∂π, so G V₁ Gᵀ is added to every covariance of the second
stage; where the effort is exogenous, the coefficient of its control is 0, and so is this.

Source: Murphy & Topel (1985), J. Business & Economic Statistics 3, 370. The errors of both stages are
uncorrelated given the control, so there is no third term.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.residual import OK, make_market_workspace, prepare_market, residual_jacobian
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.terms import CONTROL
from pipeline.fitting.uncertainty.covariance import Covariance
from pipeline.models.market_model import MarketModel

# Of a standard deviation of the control: how far it is moved to see what follows.
_STEP = 1e-4


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
    jacobian : (C, R) array
        What it was made from.
    """
    count = len(jacobian)
    total = np.zeros((count, count))
    basis = covariance.basis
    for row, stage in enumerate(model.stages, len(model.data.efforts) - len(model.stages)):
        slope = np.array([_change(model, theta, row, regressor) for regressor in stage.regressors])
        answer = -basis @ (basis.T @ (jacobian @ slope.T))
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
    names = [f"{stage.effort}.{CONTROL}" for stage in model.stages]
    rows = np.array([model.names.index(name) for name in names], dtype=np.intp)
    statistic: Vector = theta[rows] / spread[rows]
    return statistic


def responses_of_first_stages(
    model: MarketModel, theta: Vector, count: int, rng: np.random.Generator
) -> Cube | None:
    """Draw the slopes of first stages, and give f (count, T, N) under the controls that they leave.

    None where nothing is endogenous.
    """
    if not model.stages:
        return None
    data = model.data
    f = np.empty((count, *data.active.shape))
    drawn = [rng.multivariate_normal(np.zeros(len(s.slopes)), s.covariance, count) for s in model.stages]
    for replicate in range(count):
        efforts = data.efforts.copy()
        for row, (stage, slopes) in enumerate(zip(model.stages, drawn, strict=True), -len(model.stages)):
            efforts[row] -= np.tensordot(slopes[replicate], stage.regressors, axes=1)
        f[replicate] = model.response.evaluate(theta, efforts, data.duration, data.active)
    return f


def _change(model: MarketModel, theta: Vector, row: int, regressor: Matrix) -> Vector:
    """Differentiate the residual (R,) in a first-stage slope: the control loses so much of the regressor."""
    control = model.data.efforts[row]
    active = model.data.active
    size = np.std(control[active]) / np.std(regressor[active])
    ends = []
    for side in (1.0, -1.0):
        efforts = model.data.efforts.copy()
        efforts[row] -= side * _STEP * size * regressor
        ends.append(_residual(model, theta, efforts))
    difference: Vector = (ends[0] - ends[1]) / (2.0 * _STEP * size)
    return difference


def _residual(model: MarketModel, theta: Vector, efforts: Cube) -> Vector:
    """Residual of a model under other inputs; nan where f would be negative."""
    data = model.data._replace(efforts=np.ascontiguousarray(efforts))
    work = make_market_workspace(model.response.spec, data, 0)
    prepare_market(model.response.spec, data, work)
    rows = model.n_residuals + int((model.prior_weight > 0.0).sum())
    residual, nothing = np.empty(rows), np.empty((0, rows))
    status = residual_jacobian(
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
    return residual if status == OK else np.full(rows, np.nan)
