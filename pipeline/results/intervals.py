"""Intervals of 95 %: from standard errors, and which of the stored methods to trust most."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
Z95 = 1.959963984540054
"""Standard errors of a normal distribution on either side that hold 95 % of it."""

# The most trustworthy first. Coverage was measured: those that know of correlated errors hold what they
# promise, the others take errors as independent from period to period.
_BY_TRUST = ("recommended", "autoregressive", "bootstrap", "hac", "profile", "mcmc", "covariance")


def normal_interval(
    value: NDArray[np.float64], stderr: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give both ends of the 95 % interval of a normal estimate; nan where there is no standard error."""
    half = Z95 * stderr
    return value - half, value + half


def most_trusted(methods: Iterable[str]) -> str | None:
    """Choose the method whose intervals suffer least from correlated errors; None without any."""
    known = set(methods)
    return next((method for method in _BY_TRUST if method in known), None)
