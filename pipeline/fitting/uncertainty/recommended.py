"""Which interval of each parameter to trust: the switch from plain intervals to profiles.

Intervals from a covariance take the model for straight around its optimum, and other parameters for free to
follow. Both fail along a ridge, such as that of the level of f against returns to scale near 1. A parameter's
interval is a profile instead where

- it is weak: its strength, sqrt(1 - R²) of its row of the Jacobian on the rows of all others, is less than
  `WEAK_PARAMETER`;
- it leans on a bound: its standard error would be more than `LEANING` times as large were the parameters
  that stopped at a bound of theirs still free;
- or its standard error exceeds the range in which it was looked for.

Levels of single firms (constants, first shares) are many; a profile of each would cost more than the fit.
Weak ones keep plain intervals; where they lean on a bound, their intervals are as wide as were the
parameters at a bound still free; and first shares, which a belief holds, keep a plain interval however wide.

Where no profile can be made, since f would be negative on the way, a weak parameter keeps its plain interval.
Profiles keep to white noise; to hold under correlated errors too, their quantile is widened by the ratio of
the autoregressive to the plain standard error. Where a profile has no end on either side, the data do not
determine the parameter, and it gets neither an interval nor a standard error.

In slow markets in which errors last, profiles of another likelihood come first: see `restricted`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats, Vector
from pipeline.config.sections.uncertainty import UncertaintySection, most_trusted
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.models.parameter_spread import trusted_covariance

# Chosen with tests/benchmarks/weak_coverage.py (60 and 250 simulated markets a case).
WEAK_PARAMETER = 0.5
LEANING = 1.5


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is wrong with the plain intervals of C parameters, of one fit or of many (...).

    Attributes
    ----------
    strength
        (..., C) see the module; 0 where the data do not determine the parameter.
    stretch
        (..., C) how many times as large the standard error would be were the parameters at a bound still
        free; 1 where none is at a bound, nan where the data would not determine it then.
    weak, leaning, wide
        (..., C) the three reasons of the module.
    """

    strength: Floats
    stretch: Floats
    weak: NDArray[np.bool_]
    leaning: NDArray[np.bool_]
    wide: NDArray[np.bool_]


def doubts(
    jacobian: Floats, at_bound: Floats, stderr: Floats, variance: Floats | float, extent: Floats
) -> Doubts:
    """Find the parameters whose plain intervals are not to be trusted.

    Parameters
    ----------
    jacobian : (..., C, R) array
        Derivatives of the residuals in the parameters that have a standard error.
    at_bound : (..., B, R) array
        Those in the parameters that stopped at a bound of theirs.
    stderr : (..., C) array
        Plain standard errors; nan where undetermined.
    variance : (...) array
        Of a residual.
    extent : (..., C) array
        Ranges in which the parameters were looked for.
    """
    length = np.linalg.norm(jacobian, axis=-1)
    known = np.isfinite(stderr) & (stderr > 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = np.where(known, np.sqrt(variance)[..., np.newaxis] / (length * stderr), 0.0)
    stretch = np.ones(stderr.shape)
    if at_bound.shape[-2]:
        both = np.concatenate([jacobian, at_bound], axis=-2)
        free = covariance_of(both, variance).stderr[..., : stderr.shape[-1]]
        with np.errstate(invalid="ignore", divide="ignore"):
            stretch = free / stderr
    leaning = known & ~(stretch <= LEANING)
    return Doubts(strength, stretch, known & (strength < WEAK_PARAMETER), leaning, known & (stderr > extent))


def settled(
    ends: NDArray[np.float64], lower: Vector, upper: Vector
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell of which profiles (C, L, 2) some end, and of which both, lie inside the bounds, at the last level.

    Parameters
    ----------
    ends : (C, L, 2) array
        nan where no fit could be made.
    lower, upper : (C,) arrays
        Bounds of the parameters.
    """
    low, high = ends[:, -1, 0], ends[:, -1, 1]
    inside_low, inside_high = np.isfinite(low) & (low > lower), np.isfinite(high) & (high < upper)
    return inside_low | inside_high, inside_low & inside_high


def widened(covariance: Floats, interval: NDArray[np.float64], asked: UncertaintySection) -> Floats:
    """Widen covariances to the intervals of the most trusted method, if any.

    Parameters
    ----------
    covariance : (..., Q, Q) array
        Of one fit or of many.
    interval : (..., M, Q, L, 2) array
        By method and level.
    asked : UncertaintySection
        The M methods and L levels.
    """
    method = most_trusted(asked.methods)
    if method is None:
        return covariance
    widest = int(np.argmax(asked.levels))
    ends = interval[..., asked.methods.index(method), :, widest, :]
    return trusted_covariance(covariance, ends, asked.levels[widest])
