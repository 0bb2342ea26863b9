"""Starting points of a multi-start fit: quasi-random inside a box, the first one from the data.

Source of the shifts: L'Ecuyer & Lemieux (2002), in Dror et al., Modeling Uncertainty, ch. 20: points that
differ in a random digital shift are as evenly spread as those that were shifted.
"""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

if TYPE_CHECKING:
    from pipeline.models.market_model import MarketModel

# A box that spans more than this ratio, all positive, is sampled by the logarithm: scales are found that way.
_LOGARITHMIC_RATIO = 20.0
# Of the binary digits that a Sobol point has.
_DIGITS = 2**30


def sample_starts(
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    vary: NDArray[np.bool_],
    count: int,
    seed: int | np.random.SeedSequence,
) -> NDArray[np.float64]:
    """Draw starting points by a scrambled Sobol sequence, with a digital shift of its own for each seed.

    Parameters
    ----------
    start : (P,) array
        The start that the data suggest; the first row of the answer, and the value of what does not vary.
    low, high : (P,) arrays
        Sampling box, finite where ``vary``; positive boxes wider than a factor of 20 are sampled by the
        logarithm.
    vary : (P,) array of bool
        Which parameters are sampled.
    count : int
        Number of starting points, at least 1.
    seed : int or SeedSequence
        The same seed gives the same points; more points extend fewer.

    Returns
    -------
    (count, P) array
    """
    points = np.repeat(start[np.newaxis], count, axis=0)
    free = np.flatnonzero(vary)
    if count == 1 or free.size == 0:
        return points
    shift = np.random.default_rng(seed).integers(_DIGITS, size=free.size)
    unit = ((_sobol(free.size, count - 1)[: count - 1] ^ shift) + 0.5) / _DIGITS
    below, above = low[free], high[free]
    sampled = below + unit * (above - below)
    logarithmic = (below > 0) & (above > _LOGARITHMIC_RATIO * below)
    if logarithmic.any():
        log_below, log_above = np.log(below[logarithmic]), np.log(above[logarithmic])
        sampled[:, logarithmic] = np.exp(log_below + unit[:, logarithmic] * (log_above - log_below))
    points[1:, free] = sampled
    return points


@functools.lru_cache(maxsize=64)
def _sobol(dimensions: int, count: int) -> NDArray[np.int64]:
    """Give the digits of at least so many scrambled Sobol points: scrambling takes as long as a search."""
    sampler = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(0))
    # A whole power of two, as Sobol points are balanced only then.
    unit = sampler.random_base2(int(np.ceil(np.log2(count))))
    digits: NDArray[np.int64] = np.floor(unit * _DIGITS).astype(np.int64)
    return digits


def distinct(values: NDArray[np.float64], cost: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Choose the best points that are not the same optimum reached twice.

    Parameters
    ----------
    values : (S, P) array
        Screened points.
    cost : (S,) array
        Their costs; points with a cost that is not finite are left out.
    count : int
        How many to choose at the most.

    Returns
    -------
    array of int64
        Rows, the best first.
    """
    chosen: list[int] = []
    for row in np.argsort(cost, kind="stable"):
        if not np.isfinite(cost[row]) or len(chosen) == count:
            break
        same = any(
            np.isclose(cost[row], cost[other], rtol=1e-7, atol=0.0)
            and np.allclose(values[row], values[other], rtol=1e-4, atol=1e-8)
            for other in chosen
        )
        if not same:
            chosen.append(int(row))
    return np.array(chosen, dtype=np.int64)


def insert_known(starts: NDArray[np.float64], model: "MarketModel", known: Mapping[str, float]) -> None:
    """Put earlier estimates among the (S, P) starting points, in place.

    They take the second row: the first one follows from the data or from priors. A single one is theirs.
    """
    row = starts[min(1, len(starts) - 1)]
    row[:] = model.start
    for position, name in enumerate(model.names):
        if model.vary[position] and name in known:
            row[position] = np.clip(known[name], model.lower[position], model.upper[position])
