"""Directions of the parameters that the data see badly or not at all, and what to say of them.

A direction is weak when the scaled Jacobian (rows of unit length) is much shorter along it than along the
strongest one. Its parameters can move together while the model stays where it is.

Source: Belsley, Kuh & Welsch (1980), Regression Diagnostics, ch. 3: condition indices above 30 tell of
dependencies that spoil single estimates.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
        Of the C parameters of one fit.

    Returns
    -------
    strength : (D,) array
        Singular values relative to the strongest, the weakest first; at most `N_DIRECTIONS`.
    loading : (D, C) array
        Unit vectors of parameters times their sensitivity. Those that are not seen at all are chosen so that
        each moves as few parameters as possible.
    """
    relative = covariance.singular / np.maximum(covariance.singular[:1], np.finfo(float).tiny)
    if not (relative < WEAK).any():
        return np.empty(0), np.empty((0, relative.size))
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
    sentences, _ = describe_directions(
        names, loading[None], sensitivity[None], value[None], np.array([strength])
    )
    return str(sentences[0])


def describe_directions(
    names: Sequence[str], loading: Matrix, sensitivity: Matrix, value: Matrix, strength: Vector
) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Describe many directions of the same C parameters: a sentence each time that they differ in words.

    Parameters
    ----------
    names : sequence of str
        Of C parameters.
    loading, sensitivity, value : (N, C) arrays
        As for `describe_direction`, a row a direction.
    strength : (N,) array
        Likewise.

    Returns
    -------
    sentences : (S,) array of str
        All different, in the order in which they first come.
    places : (N,) array of int
        Which of them is said of each direction.
    """
    blind = strength <= RANK_TOLERANCE
    size = np.nan_to_num(np.abs(loading))
    least = np.where(blind, _TAKES_PART[True], _TAKES_PART[False])
    part = size > (least * size.max(axis=1, initial=0.0))[:, None]
    kind, factor = _determined(part, loading, sensitivity, value, np.where(blind, _NEAR[True], _NEAR[False]))
    # Rows that are equal here have the same sentence.
    bits = factor.astype(np.float64)[:, None].view(np.uint8)
    key = np.column_stack([np.packbits(part, axis=1), blind, kind, bits])
    key = np.ascontiguousarray(key).view(f"V{key.shape[1]}")[:, 0]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    texts: dict[str, int] = {}
    of_group = np.empty(len(first), dtype=np.intp)
    for row in np.argsort(first).tolist():
        cell = first[row]
        own = [names[place] for place in np.flatnonzero(part[cell]).tolist()]
        text = _sentence(own, bool(blind[cell]), int(kind[cell]), float(factor[cell]))
        of_group[row] = texts.setdefault(text, len(texts))
    return np.array([*texts], dtype=object), of_group[group]


_DIFFERENCE, _SUM, _RATIO, _PRODUCT, _FACTOR, _COMBINATIONS = range(6)
_ONE = {_DIFFERENCE: "their difference", _SUM: "their sum", _RATIO: "their ratio", _PRODUCT: "their product"}
_SEVERAL = {_DIFFERENCE: "their differences", _RATIO: "their ratios"}


def _determined(
    part: NDArray[np.bool_], loading: Matrix, sensitivity: Matrix, value: Matrix, near: Vector
) -> tuple[NDArray[np.uint8], Vector]:
    """Find what does not change along each direction, and of two parameters the factor that `_FACTOR` needs.

    ``part`` (N, C) marks those that take part; ``near`` (N,) is how near is near enough.
    """
    rows, count = np.arange(len(part)), part.sum(axis=1)
    first = np.argmax(part, axis=1)
    second = part.shape[1] - 1 - np.argmax(part[:, ::-1], axis=1)  # the last one: of two, the second
    known = np.where(part, sensitivity > 0.0, True).all(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.where(known[:, None], loading / sensitivity, np.nan)  # in natural units
        ratio = step / step[rows, first][:, None]
        relative = ratio * (value[rows, first][:, None] / value)
        factor = -1.0 / ratio[rows, second]

    def all_are(what: Matrix) -> NDArray[np.bool_]:
        return np.where(part, np.abs(what - 1.0) < near[:, None], True).all(axis=1)

    two = count == 2
    kind = np.select(
        [
            all_are(ratio),
            # Before the ratio: where a sum is 0, the ratio does not change either.
            two & (np.abs(ratio[rows, second] + 1.0) < near),
            all_are(relative),
            ~two | ~np.isfinite(ratio[rows, second]),
            np.abs(relative[rows, second] + 1.0) < near,
        ],
        [_DIFFERENCE, _SUM, _RATIO, _COMBINATIONS, _PRODUCT],
        _FACTOR,
    ).astype(np.uint8)
    return kind, np.where(kind == _FACTOR, factor, 0.0)


def _sentence(names: Sequence[str], blind: bool, kind: int, factor: float) -> str:
    """Put a direction into words: the parameters that take part, and what of them is determined."""
    if len(names) == 1:
        return f"the data say {'nothing' if blind else 'very little'} about {names[0]}"
    if kind == _COMBINATIONS:
        what, verb = f"{len(names) - 1} combinations of them", "are"
    elif kind == _FACTOR:
        what, verb = f"{names[0]} {'+' if factor > 0 else '-'} {abs(factor):.3g} {names[1]}", "is"
    else:
        what, verb = (_ONE[kind], "is") if len(names) == 2 else (_SEVERAL[kind], "are")
    if blind:
        return f"{_listed(names)} move together: only {what} {verb} determined"
    return f"{_listed(names)} nearly move together: the data tell {what} best"


def _listed(names: Sequence[str]) -> str:
    """Join names by commas; where there are many, count those of one kind, such as the firms' constants."""
    kinds = Counter(name.partition(".")[0] for name in names)
    many = {kind for kind, count in kinds.items() if len(names) > _NAMED and count > 2}
    grouped = [name.partition(".")[0] if name.partition(".")[0] in many else name for name in names]
    items = [f"{kinds[item]} of {item}.*" if item in many else item for item in dict.fromkeys(grouped)]
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else items[0]
