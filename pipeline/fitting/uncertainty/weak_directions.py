"""Directions of the parameters that the data see badly or not at all, and what to say of them.

A direction is weak when the scaled Jacobian (rows of unit length) is much shorter along it than along the
strongest one. Its parameters can move together while the model stays where it is.

Source: Belsley, Kuh & Welsch (1980), Regression Diagnostics, ch. 3: condition indices above 30 tell of
dependencies that spoil single estimates.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE, Covariance

N_DIRECTIONS = 4
"""Weak directions kept of a fit, the weakest first."""
WEAK = 1.0 / 30.0
"""Strength below which a direction is worth a word."""

# Parameters with less than this part of the largest loading are left out of the sentence.
_TAKES_PART = {True: 1e-3, False: 0.2}
# Parameters that a sentence names one by one.
_NAMED = 4
# How near to a sum, difference, product or ratio a combination must be to be called one.
_NEAR = {True: 1e-3, False: 0.1}


def weak_directions(covariance: Covariance) -> tuple[Vector, Matrix]:
    """Choose the directions that the data see badly.

    Parameters
    ----------
    covariance : Covariance
        Of C parameters.

    Returns
    -------
    strength : (D,) array
        Singular values relative to the strongest, the weakest first; at most `N_DIRECTIONS`.
    loading : (D, C) array
        Unit vectors of parameters times their sensitivity. Those that are not seen at all are chosen so that
        each moves as few parameters as possible.
    """
    if covariance.singular.size == 0:
        return np.empty(0), np.empty((0, 0))
    relative = covariance.singular / max(covariance.singular[0], np.finfo(float).tiny)
    blind = relative <= RANK_TOLERANCE
    loading = np.vstack(
        [_sparse(covariance.directions[:, blind].T), covariance.directions[:, ~blind].T[::-1]]
    )
    strength = np.concatenate([relative[blind][::-1], relative[~blind][::-1]])
    kept = np.flatnonzero(strength < WEAK)[:N_DIRECTIONS]
    return strength[kept], loading[kept]


def _sparse(vectors: Matrix) -> Matrix:
    """Combine the rows of a null space so that each has a parameter of its own, and few others."""
    rows = vectors.copy()
    for row in range(len(rows)):
        column = int(np.argmax(np.abs(rows[row])))
        rows[row] /= rows[row, column]
        others = np.arange(len(rows)) != row
        rows[others] -= np.outer(rows[others, column], rows[row])
    rows[np.abs(rows) < 1e-9] = 0.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else rows


def describe_direction(
    names: Sequence[str], loading: Vector, sensitivity: Vector, value: Vector, strength: float
) -> str:
    """Say which parameters move together, and what of them is determined all the same.

    Parameters
    ----------
    names : sequence of str
        Of C parameters.
    loading, sensitivity, value : (C,) arrays
        The direction, the norms of the Jacobian's rows (nan or 0 for what is not free), the estimates.
    strength : float
        Of the direction, relative to the strongest.

    Returns
    -------
    str
        Without a full stop: ``discount and product move together: only their sum is determined``.
    """
    blind = bool(strength <= RANK_TOLERANCE)
    size = np.nan_to_num(np.abs(loading))
    part = np.flatnonzero(size > _TAKES_PART[blind] * size.max(initial=0.0))
    own = [names[place] for place in part.tolist()]
    if part.size == 1:
        return f"the data say {'nothing' if blind else 'very little'} about {own[0]}"
    known = bool(np.all(sensitivity[part] > 0.0))
    natural = loading[part] / sensitivity[part] if known else np.full(part.size, np.nan)
    what = _determined(own, natural, value[part], _NEAR[blind])
    together = _listed(own)
    if blind:
        return f"{together} move together: only {what} determined"
    return (
        f"{together} nearly move together: the data tell {what.removesuffix(' are').removesuffix(' is')} best"
    )


def _listed(names: Sequence[str]) -> str:
    """Join names by commas; where there are many, count those of one kind, such as the firms' constants."""
    kinds = Counter(name.partition(".")[0] for name in names)
    many = {kind for kind, count in kinds.items() if len(names) > _NAMED and count > 2}
    grouped = [name.partition(".")[0] if name.partition(".")[0] in many else name for name in names]
    items = [f"{kinds[item]} of {item}.*" if item in many else item for item in dict.fromkeys(grouped)]
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else items[0]


def _determined(names: Sequence[str], step: Vector, value: Vector, near: float) -> str:
    """Name what does not change along a step in natural units."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = step / step[0]
        relative = ratio * (value[0] / value)
    if np.all(np.abs(ratio - 1.0) < near):
        return "their difference is" if len(names) == 2 else "their differences are"
    # Before the ratio: where a sum is 0, the ratio does not change either.
    if len(names) == 2 and abs(ratio[1] + 1.0) < near:
        return "their sum is"
    if np.all(np.abs(relative - 1.0) < near):
        return "their ratio is" if len(names) == 2 else "their ratios are"
    if len(names) > 2 or not np.isfinite(ratio[1]):
        return f"{len(names) - 1} combinations of them are"
    if abs(relative[1] + 1.0) < near:
        return "their product is"
    factor = -1.0 / ratio[1]
    return f"{names[0]} {'+' if factor > 0 else '-'} {abs(factor):.3g} {names[1]} is"
