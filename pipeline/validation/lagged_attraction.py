"""The baseline `attraction_lagged`: attraction with slopes by firm and one lag, by ridge regression."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.predictive import error_covariance
from pipeline.panel.market import MarketArrays
from pipeline.validation.log_shares import Estimate, centre, centre_over, log_share
from pipeline.validation.recursion import NO_PATHS, OneStep, forecast_recursively, origins_inside

PENALTIES = 10.0 ** np.linspace(-2.0, 5.0, 15)
"""Ridge penalties tried, for columns with a standard deviation of about 1."""


def lagged_attraction(market: MarketArrays, n_train: int) -> Estimate:
    """Attraction model with slopes by firm, efforts now and one period before, and the last shares.

    The log-attraction of a firm is its constant plus slopes times its efforts, its efforts of the period
    before and its log share of the period before. Slopes are common ones plus deviations by firm, and the
    deviations are shrunk to zero by a ridge penalty: it has the smallest squared error of forecasts one
    period ahead after four origins in the second half of the fitted periods. Those errors also tell the
    covariance.

    Source: the differential-effects attraction model of Cooper & Nakanishi (1988), Market-Share Analysis;
    Hoerl & Kennard (1970), Technometrics 12, 55-67.
    """
    efforts = np.where(market.active, market.efforts, 0.0)
    level = centre(log_share(market, n_train))
    design = _Design.of(efforts, market.active, level)
    tried = []
    for start, end in origins_inside(n_train):
        slopes = ridge(*design.rows(level, slice(0, start)), PENALTIES)
        ahead, target = design.at(slice(start, end)), level[start:end]
        # (penalty, T, N)
        tried.append(_errors(slopes, ahead, target))
    errors = np.concatenate(tried, axis=1) if tried else np.empty((len(PENALTIES), 0, level.shape[1]))
    best = int(np.argmin(np.nansum(errors**2, axis=(1, 2)))) if (~np.isnan(errors)).any() else -1
    rows = design.rows(level, slice(0, n_train))
    if not len(rows[2]):
        covariance = error_covariance(centre(np.diff(level, axis=0)))
        return forecast_recursively(
            market, n_train, lambda _, past: np.full_like(past[:, 0], np.nan), covariance
        )
    slopes = ridge(*rows, PENALTIES[[best]])[0]
    left = errors[best] if best >= 0 else _errors(slopes[None], design.at(slice(0, n_train)), level)[0]
    learned = (~np.isnan(level[1:]) & ~np.isnan(level[:-1])).any(axis=0)

    def step_under(design: _Design) -> OneStep:
        def step(t: int, past: NDArray[np.float64]) -> NDArray[np.float64]:
            columns = design.columns(t, past[:, 0])
            return np.where(learned, np.tensordot(slopes, columns, axes=1), np.nan)

        return step

    def respond(efforts: Cube) -> Matrix:
        other = _Design.of(np.where(market.active, efforts, 0.0), market.active, level)
        return forecast_recursively(market, n_train, step_under(other), covariance, NO_PATHS).level

    covariance = error_covariance(centre(left))
    return replace(forecast_recursively(market, n_train, step_under(design), covariance), respond=respond)


def ridge(free: Matrix, held: Matrix, target: Vector, penalties: Vector) -> Matrix:
    """Least squares with a penalty on the squares of some coefficients.

    Parameters
    ----------
    free, held : (R, A) and (R, B) arrays
        Columns without and with a penalty.
    target : (R,) array
    penalties : (P,) array

    Returns
    -------
    (P, A + B) array
        Coefficients for each penalty; the shortest ones where the data do not determine them.
    """
    left, singular, _ = np.linalg.svd(free, full_matrices=False)
    basis = left[:, singular > 1e-10 * singular.max(initial=0.0)]
    # What the free columns cannot tell is left to the others (Frisch & Waugh 1933).
    beyond = held - basis @ (basis.T @ held)
    value, axes = np.linalg.eigh(beyond.T @ beyond)
    turned = axes.T @ (beyond.T @ (target - basis @ (basis.T @ target)))
    slopes = (turned / (np.maximum(value, 0.0) + penalties[:, None])) @ axes.T
    rest = target[:, None] - held @ slopes.T
    common = np.linalg.lstsq(free, rest, rcond=1e-10)[0]
    return np.concatenate([common.T, slopes], axis=1)


def _errors(slopes: Matrix, columns: NDArray[np.float64], target: Matrix) -> NDArray[np.float64]:
    """Errors (P, T, N) of forecasts one period ahead; nan where there is none."""
    return centre_rows(target - np.tensordot(slopes, columns, axes=1))


def centre_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre the last axis over what is known."""
    return centre(values.reshape(-1, values.shape[-1])).reshape(values.shape)


@dataclass(frozen=True)
class _Design:
    """Columns of the regression: constants by firm, common slopes, and deviations of slopes by firm.

    Attributes
    ----------
    inputs : (2K, T, N) array
        Efforts now and one period before, over their standard deviations; 0 for absent firms.
    lagged : (T, N) array
        Centred log shares one period before; nan for firms that were not there.
    active : (T, N) array of bool
    """

    inputs: NDArray[np.float64]
    lagged: Matrix
    active: NDArray[np.bool_]

    @classmethod
    def of(cls, efforts: NDArray[np.float64], active: NDArray[np.bool_], level: Matrix) -> "_Design":
        n_train = len(level)
        before = np.concatenate([active[:1], active[:-1]])
        earlier = np.where(before, np.concatenate([efforts[:, :1], efforts[:, :-1]], axis=1), efforts)
        centred = centre_over(efforts, active)
        seen = active[:n_train]
        scale = np.array([np.std(one[:n_train][seen]) for one in centred]) if len(efforts) else np.empty(0)
        scale = np.where(scale > 0.0, scale, 1.0)[:, None, None]
        inputs = np.concatenate([efforts / scale, earlier / scale])
        # A level that all firms share in all periods would only blow up the deviations.
        means = np.array([one[:n_train][seen].mean() if seen.any() else 0.0 for one in inputs])
        inputs = np.where(active, inputs - means[:, None, None], 0.0)
        lagged = np.full(active.shape, np.nan)
        lagged[1:n_train] = level[:-1]
        return cls(inputs, lagged, active)

    def at(self, periods: slice) -> NDArray[np.float64]:
        """Columns (C, T, N) of fitted periods; nan for firms without a share before."""
        return _columns(self.inputs[:, periods], self.lagged[periods], self.active[periods])

    def columns(self, t: int, lagged: Matrix) -> NDArray[np.float64]:
        """Columns (C, B, N) of one period after each of B states before."""
        shape = (len(self.inputs), *lagged.shape)
        inputs = np.broadcast_to(self.inputs[:, None, t], shape)
        return _columns(inputs, lagged, np.broadcast_to(self.active[t], lagged.shape))

    def rows(self, level: Matrix, periods: slice) -> tuple[Matrix, Matrix, Vector]:
        """Columns without and with a penalty, and the target, one row a firm and period."""
        columns = self.at(periods)
        known = ~np.isnan(level[periods]) & ~np.isnan(columns[-1])
        target = centre(np.where(known, level[periods], np.nan))[known]
        free = self.active.shape[1] + len(self.inputs) + 1
        return columns[:free, known].T, columns[free:, known].T, target


def _columns(inputs: NDArray[np.float64], lagged: Matrix, active: NDArray[np.bool_]) -> NDArray[np.float64]:
    there = active & ~np.isnan(lagged)
    n_firms = active.shape[1]
    each = np.concatenate([inputs, np.where(there, lagged, 0.0)[None]])
    own = np.eye(n_firms)[:, None, :]
    constants = own * np.ones((1, active.shape[0], 1))
    deviations = (each[:, None] * own).reshape(-1, *active.shape)
    columns = centre_over(np.concatenate([constants, each, deviations]), there)
    return np.where(there, columns, np.nan)
