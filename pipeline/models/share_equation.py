"""The equation of motion of one market whose constants are known: its shares, and their derivatives."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.motion.shares import ShareSensitivities, share_sensitivities, simulate_shares


class ShareEquation(NamedTuple):
    """The constants of the equation of motion for one market.

    Initial shares, f, total sales (currency per period) and durations (periods) are those of
    `kernels.motion.shares.simulate_shares`, which also says what it refuses.
    """

    jump_price: float
    """M, currency."""
    reference_sales: float
    """X_ref, currency per period."""
    returns_to_scale: float
    """Gamma."""

    @classmethod
    def of(cls, theta: NDArray[np.float64], n_response: int, reference_sales: float) -> "ShareEquation":
        """Take the constants from a parameter vector (P,): they follow those of the market function."""
        jump_price, returns_to_scale = theta[n_response : n_response + 2].tolist()
        return cls(jump_price, reference_sales, returns_to_scale)

    def shares(
        self, initial: ArrayLike, response: ArrayLike, total: ArrayLike, duration: ArrayLike
    ) -> NDArray[np.float64]:
        """Shares at the ends of periods, (..., T, N)."""
        return simulate_shares(initial, response, total, duration, **self._asdict())

    def sensitivities(
        self, initial: ArrayLike, response: ArrayLike, total: ArrayLike, duration: ArrayLike
    ) -> ShareSensitivities:
        """Shares at the ends of periods, (T, N), and the derivatives of their log-ratios."""
        return share_sensitivities(initial, response, total, duration, **self._asdict())
