"""Linear regression of a series whose errors are autocorrelated: generalised least squares under AR(1)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels.numeric.arrays import Floats

# Autocorrelations that are tried.
_GRID = np.linspace(-0.6, 0.98, 80)


@dataclass(frozen=True, eq=False)
class Regression:
    """Estimates of Q coefficients, and what is known of the errors.

    Attributes
    ----------
    coefficient : (Q,) array
    root : (Q, Q) array
        Square root of their covariance: ``root @ standard normal``.
    autocorrelation : float
        Of errors one unit of time apart.
    noise : float
        Standard deviation of the errors.
    last_error : float
        Error of the last value.
    last_row : (Q,) array
        The last row of the design.
    aicc : float
        Akaike's criterion for short series, up to a constant.
    """

    coefficient: Floats
    root: Floats
    autocorrelation: float
    noise: float
    last_error: float
    last_row: Floats
    aicc: float

    def predict(self, design: Floats, distance: Floats) -> tuple[Floats, Floats]:
        """Predict values (H,) at some rows (H, Q), so far in time after the last one (H,).

        Returns
        -------
        expected : (H,) array
            The last error fades in it.
        spread : (H, Q) array
            Square root of its covariance from the coefficients.
        """
        kept = self.autocorrelation ** np.asarray(distance)
        rows = design - kept[:, np.newaxis] * self.last_row
        return design @ self.coefficient + kept * self.last_error, rows @ self.root


def regress(design: Floats, values: Floats, time: Floats) -> Regression:
    """Regress values (T,) on the columns of a design (T, Q), more values than columns.

    Errors are a stationary AR(1) process in continuous time: those a distance d apart correlate by ``ρ**d``.
    ρ maximises the restricted likelihood (Patterson & Thompson 1971), which short series do not bias as much
    as the plain one. Coefficients and their covariance are those of generalised least squares (Prais &
    Winsten 1954), over all ρ by that likelihood: what is not known of ρ is in the covariance, which is as
    wide as that of Student's t.

    Parameters
    ----------
    design : (T, Q) array
        Directions that it does not show are left out.
    values : (T,) array
    time : (T,) array
        Whole numbers, ascending.
    """
    gap = np.diff(time)
    fits = [_fit(design, values, gap, rho) for rho in _GRID.tolist()]
    restricted = np.array([fit.restricted for fit in fits])
    best = int(np.argmin(restricted))
    weight = np.exp(-0.5 * (restricted - restricted[best]))
    weight /= weight.sum()
    coefficients = np.array([fit.coefficient for fit in fits])
    coefficient = weight @ coefficients
    away = coefficients - coefficient
    covariance = np.tensordot(weight, np.array([fit.covariance for fit in fits]), axes=1)
    covariance += (weight[:, np.newaxis] * away).T @ away
    size, directions = np.linalg.eigh(covariance)
    chosen, noise = fits[best], float(np.sqrt(fits[best].variance))
    last_error = float(values[-1] - design[-1] @ coefficient)
    root = directions * np.sqrt(np.maximum(size, 0.0))
    rho = float(_GRID[best])
    return Regression(coefficient, root, rho, noise, last_error, design[-1], chosen.aicc)


class _Fit(NamedTuple):
    """Generalised least squares at one ρ."""

    coefficient: Floats
    covariance: Floats
    variance: float
    restricted: float
    aicc: float


def _fit(design: Floats, values: Floats, gap: Floats, rho: float) -> _Fit:
    kept = rho**gap
    white = np.column_stack([design, values])
    white[1:] = (white[1:] - kept[:, np.newaxis] * white[:-1]) / np.sqrt(1.0 - kept**2)[:, np.newaxis]
    left, singular, right = np.linalg.svd(white[:, :-1], full_matrices=False)
    seen = singular > 1e-10 * singular[0]
    left, singular, right = left[:, seen], singular[seen], right[seen]
    along = left.T @ white[:, -1]
    # Values that the design explains but for rounding have no autocorrelation to find.
    square = float(values @ values)
    rest = max(float(white[:, -1] @ white[:, -1] - along @ along), 1e-20 * square, 1e-300)
    count, freedom = values.size, max(values.size - singular.size, 1)
    shrunk = float(np.log1p(-(rho ** (2 * gap))).sum())
    # Two more: the autocorrelation and the variance.
    used = singular.size + 2
    aicc = count * np.log(rest / count) + shrunk + 2.0 * used * count / max(count - used - 1, 1)
    restricted = freedom * np.log(rest) + shrunk + 2.0 * np.log(singular).sum()
    variance = rest / freedom
    wide = variance * max(freedom / max(freedom - 2, 1), 1.0)
    back = right.T / singular
    return _Fit(back @ along, wide * (back @ back.T), variance, float(restricted), float(aicc))
