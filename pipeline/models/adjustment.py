"""How fast shares adjust: the rate at which they near their long run, at given efforts."""

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector


def adjustment_rate(
    response: Matrix,
    share: Matrix,
    total_sales: Vector,
    *,
    jump_price: float,
    returns_to_scale: float,
    reference_sales: float,
) -> Vector:
    """Rate at which deviations of shares from their long run die out, in every period.

    With ``κ = X_tot^γ X_ref^(1-γ) / M`` and constant f, near the long run all deviations decay as
    ``exp(-κ (1 - γ) Σ_j f_j λ_j^γ t)``: for γ = 0 exactly and from anywhere, at the rate ``X_ref Σ f / M``.

    Parameters
    ----------
    response : (T, N) array
        f, per period; nan for absent firms.
    share : (T, N) array
        Shares; nan for absent firms.
    total_sales : (T,) array
        Currency per period.
    jump_price, returns_to_scale, reference_sales : float
        M (currency), γ, X_ref (currency per period).

    Returns
    -------
    (T,) array
        Per period; 0 for γ = 1, where shares have no long run inside the simplex, and negative for γ > 1,
        where firms drift apart at that rate.
    """
    present = ~(np.isnan(response) | np.isnan(share))
    held = np.where(present, share, 0.0) ** returns_to_scale * np.where(present, response, 0.0)
    scale = total_sales**returns_to_scale * reference_sales ** (1.0 - returns_to_scale) / jump_price
    rate: Vector = scale * (1.0 - returns_to_scale) * held.sum(axis=1)
    return rate


def half_life(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Periods in which a deviation halves; infinite without adjustment, and nan where firms drift apart."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rate >= 0.0, np.log(2.0) / rate, np.nan)
