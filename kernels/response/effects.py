"""Firm effects: constants b_i of the response, from as many parameters as can be identified."""

import numpy as np
from numpy.typing import NDArray

EFFECTS = ("none", "constant", "free", "zero-sum")
"""No constant; one for all firms; one for each firm; one for each firm, summing to zero."""


def effect_design(kind: str, n_firms: int) -> NDArray[np.float64]:
    """Return the matrix D of b = D @ parameters.

    Parameters
    ----------
    kind : str
        One of `EFFECTS`. With ``returns_to_scale`` = 1 and an additive response, f and f + c are the same
        model, so only ``none`` and ``zero-sum`` (the last firm's effect is minus the sum of the others) are
        identified.
    n_firms : int
        Number of firms N.

    Returns
    -------
    (N, Q) array
        Q is 0, 1, N or N - 1.

    Raises
    ------
    ValueError
        If ``kind`` is unknown.
    """
    if kind == "none":
        return np.zeros((n_firms, 0))
    if kind == "constant":
        return np.ones((n_firms, 1))
    if kind == "free":
        return np.eye(n_firms)
    if kind == "zero-sum":
        return np.vstack([np.eye(n_firms - 1), -np.ones((1, n_firms - 1))])
    raise ValueError(f"Firm effects of kind '{kind}' are unknown; use one of {', '.join(EFFECTS)}.")
