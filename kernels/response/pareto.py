"""The Pareto 20/80 rule over ranked types of effort.

The first fraction p of the types brings p**q of the effect, with q chosen so that 20 % bring 80 %
(S. Nabiyev, "Economical Dynamic. Marketing.", DOI 10.26577/SEDGCh.2023v2ca16).
"""

import math

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import jit

EXPONENT = math.log(1.25) / math.log(5.0)
"""q = ln 1.25 / ln 5: 0.2**q = 0.8."""


def pareto_weights(n_types: int) -> NDArray[np.float64]:
    """Return the part of the effect that each rank brings, (r/K)**q - ((r-1)/K)**q, rank 1 first.

    Parameters
    ----------
    n_types : int
        Number of types K >= 1.

    Returns
    -------
    (K,) array
        Decreasing, sums to 1.

    Raises
    ------
    ValueError
        If ``n_types`` is below 1.
    """
    if n_types < 1:
        raise ValueError(f"A Pareto ranking got {n_types} types of effort; it needs at least one.")
    return np.diff((np.arange(n_types + 1) / n_types) ** EXPONENT)


def pareto_table(n_types: int) -> NDArray[np.float64]:
    """Return the weights for each number of types in use: row n holds `pareto_weights` of n, then zeros."""
    table = np.zeros((n_types + 1, n_types))
    for n in range(1, n_types + 1):
        table[n, :n] = pareto_weights(n)
    return table


@jit
def rank_efforts(ranked, table, effort, weight):
    """Multiply efforts by the weight of their rank among the types in use in the same cell.

    A type whose effort is 0 is not in use: those after it move up, so the effect is redistributed and the
    20/80 ratio kept.

    Parameters
    ----------
    ranked : (n,) array of int64
        Effort indices in order, the leading one first.
    table : (n + 1, n) array
        From `pareto_table`.
    effort : (K, E) array
        Replaced by weight times effort.
    weight : (K, E) array
        The weights; for a type not in use, the one it would have if it came into use.
    """
    for e in range(effort.shape[1]):
        used = 0
        for r in range(ranked.size):
            if effort[ranked[r], e] != 0.0:
                used += 1
        rank = 0
        for r in range(ranked.size):
            k = ranked[r]
            if effort[k, e] != 0.0:
                weight[k, e] = table[used, rank]
                rank += 1
            else:
                weight[k, e] = table[used + 1, rank]
            effort[k, e] *= weight[k, e]
