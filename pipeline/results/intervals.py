"""Intervals of 95 % from standard errors."""

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
Z95 = 1.959963984540054
"""Standard errors of a normal distribution on either side that hold 95 % of it."""


def normal_interval(
    value: NDArray[np.float64], stderr: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give both ends of the 95 % interval of a normal estimate; nan where there is no standard error."""
    half = Z95 * stderr
    return value - half, value + half
