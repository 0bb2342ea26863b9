"""Linear regression of a series whose errors are autocorrelated: generalised least squares under AR(1)."""

from dataclasses import dataclass

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
    root : (Q, R) array
        Square root of their covariance: ``root @ standard normal``.
    autocorrelation : float
        Of errors one unit of time apart.
    noise : float
        Standard deviation of the errors.
    last_error : float
        Error of the last value.
    last_row : (Q,) array
        The last row of the design.
    """

    coefficient: Floats
    root: Floats
    autocorrelation: float
    noise: float
    last_error: float
    last_row: Floats

    def predict(self, design: Floats, distance: Floats) -> tuple[Floats, Floats]:
        """Predict values (H,) at some rows (H, Q), so far in time after the last one (H,).

        Returns
        -------
        expected : (H,) array
            The last error fades in it.
        spread : (H, R) array
            Square root of its covariance from the coefficients.
        """
        kept = self.autocorrelation ** np.asarray(distance)
        rows = design - kept[:, np.newaxis] * self.last_row
        return design @ self.coefficient + kept * self.last_error, rows @ self.root


def regress(design: Floats, values: Floats, time: Floats) -> Regression:
    """Regress values (T,) on the columns of a design (T, Q), more values than columns.

    Errors are a stationary AR(1) process in continuous time: those a distance d apart correlate by ``ρ**d``.
    ρ maximises the restricted likelihood (Patterson & Thompson 1971), which short series do not bias as much
    as the plain one; coefficients and their covariance are those of generalised least squares (Prais &
    Winsten 1954) at that ρ.

    Parameters
    ----------
    design : (T, Q) array
        Directions that it does not show are left out.
    values : (T,) array
    time : (T,) array
        Whole numbers, ascending.
    """
    gap = np.diff(time)
    best, chosen = np.inf, 0.0
    for rho in _GRID.tolist():
        deviance = _deviance(*_whitened(design, values, gap, rho), gap, rho)
        if deviance < best:
            best, chosen = deviance, rho
    white_design, white_values = _whitened(design, values, gap, chosen)
    inverse = np.linalg.pinv(white_design)
    coefficient = inverse @ white_values
    residual = white_values - white_design @ coefficient
    freedom = max(values.size - int(np.linalg.matrix_rank(white_design)), 1)
    noise = float(np.sqrt(residual @ residual / freedom))
    last_error = float(values[-1] - design[-1] @ coefficient)
    return Regression(coefficient, inverse * noise, chosen, noise, last_error, design[-1])


def _whitened(design: Floats, values: Floats, gap: Floats, rho: float) -> tuple[Floats, Floats]:
    """Design and values whose errors are independent and of equal size."""
    kept = rho**gap
    scale = 1.0 / np.sqrt(1.0 - kept**2)
    white = np.column_stack([design, values])
    white[1:] = (white[1:] - kept[:, np.newaxis] * white[:-1]) * scale[:, np.newaxis]
    return white[:, :-1], white[:, -1]


def _deviance(design: Floats, values: Floats, gap: Floats, rho: float) -> float:
    """Minus twice the restricted log likelihood, up to a constant."""
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    seen = singular > 1e-10 * singular[0]
    explained = left[:, seen].T @ values
    # Values that the design explains but for rounding have no autocorrelation to find.
    rest = max(float(values @ values - explained @ explained), 1e-20 * float(values @ values), 1e-300)
    freedom = max(values.size - int(seen.sum()), 1)
    shrunk = np.log1p(-(rho ** (2 * gap))).sum() + 2.0 * np.log(singular[seen]).sum()
    return float(freedom * np.log(rest) + shrunk)
