"""Whether the distributions of forecasts spread as what comes does: probability integral transforms."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, chisquare

from kernels.numeric.arrays import Matrix
from pipeline.models.predictive import PredictiveDistribution, draw_shares

PIT_BINS = 20
"""Bins of equal width between 0 and 1: the ends of 50 % and 90 % bands are among their edges."""
FEWEST_GROUPS = 8
"""With fewer groups of forecasts the groups do not show how much the forecasts of one hang together."""
# So many ranks as fill the bins evenly.
_DRAWS = 12 * PIT_BINS - 1


def pit_counts(
    predicted: PredictiveDistribution, observed: Matrix, active: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Count where in its forecast distribution each share came, period by period.

    Parameters
    ----------
    predicted : PredictiveDistribution
        Forecast of H periods and N firms.
    observed : (H, N) array
    active : (H, N) array of bool

    Returns
    -------
    (H, PIT_BINS) array
        Shares whose probability integral transform lies in each bin: evenly many in each, when forecasts
        spread as what comes does (Dawid 1984; Gneiting, Balabdaoui & Raftery 2007, JRSS B 69, 243-268).
    """
    # Random numbers of its own for every forecast: what they miss in one is not missed in all.
    rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(observed).tobytes()))
    draws = draw_shares(predicted, active, normal=rng.standard_normal((_DRAWS, *observed.shape)))
    place = (draws < observed).sum(axis=0) // ((_DRAWS + 1) // PIT_BINS)
    known = active & ~np.isnan(predicted.share) & ~np.isnan(observed)
    counts = np.zeros((len(observed), PIT_BINS), dtype=np.int32)
    np.add.at(counts, (np.nonzero(known)[0], place[known]), 1)
    return counts


def coverage(counts: NDArray[np.integer], level: float) -> float:
    """Part of the shares inside the central band of a level, from counts (..., PIT_BINS); nan without any."""
    total = counts.sum()
    if not total:
        return float("nan")
    edge = round(0.5 * (1.0 - level) * PIT_BINS)
    return float(counts[..., edge : PIT_BINS - edge].sum() / total)


@dataclass(frozen=True, slots=True)
class Uniformity:
    """A test that transforms are uniform.

    Attributes
    ----------
    p
        Its p-value; nan where there are too few groups to tell.
    effect
        How many times wider the counts vary between groups than independent ones would (1: no more).
    groups
        Groups that were there.
    """

    p: float
    effect: float
    groups: int


def uniformity(groups: NDArray[np.integer]) -> Uniformity:
    """Test that counts (G, bins) come from uniform transforms; those of one group may hang together.

    Notes
    -----
    Pearson's chi-square over the mean design effect of the bins: Rao & Scott (1981), JASA 76, 221-230.
    """
    counts = np.asarray(groups, dtype=float)
    counts = counts[counts.sum(axis=1) > 0]
    if len(counts) < FEWEST_GROUPS:
        return Uniformity(float("nan"), float("nan"), len(counts))
    size, bins = counts.sum(axis=1, keepdims=True), counts.shape[1]
    total, part = size.sum(), counts.sum(axis=0) / size.sum()
    # Variance of the part of each bin between groups, against that of as many independent shares.
    deviation = counts - size * part
    between = len(counts) / (len(counts) - 1.0) * (deviation**2).sum(axis=0) / total**2
    uniform = (1.0 / bins) * (1.0 - 1.0 / bins) / total
    effect = max(float(np.mean(between) / uniform), 1.0)
    statistic = float(chisquare(counts.sum(axis=0)).statistic) / effect
    return Uniformity(float(chi2.sf(statistic, bins - 1)), effect, len(counts))
