"""Intervals that allow for the bias of a speed of adjustment: profiles of the corrected likelihood.

The likelihood of `persistence` is maximised, and again with a parameter held at x; z(x) is the signed root of
the F statistic as in `profile`, of the corrected likelihood. Along such a profile the speed follows, so that
an interval of a coefficient, which is an effect over a speed, reaches as far up as slow speeds do.

The projection behind the correction is taken at the corrected maximum: found once from the uncorrected one,
and again from there. The search begins at the uncorrected maximum and follows its neighbours, since the
corrected likelihood may rise once more towards a speed of 0, where it means nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.refits.persistence import Persistence
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.models.market_model import MarketModel

BIASED = 0.15
"""Bias of the logarithm of the speed, in standard errors of it, from which on intervals allow for it.

Chosen with tests/benchmarks/noise_coverage.py, 24 investment markets of 104 periods a cell, medians: 0.00
where errors do not last (intervals hold without), 0.11 where they do at a half-life of 2 (they hold), 0.19
and 0.39 at 8 and 20 with both kinds of noise (they covered 91 and 84 %), 0.46 and 0.61 where all errors last
(86 and 73 %).
"""

# Where less of an error lasts, there is no bias worth the look.
_LASTING = 0.05
_ITERATIONS, _DAMPINGS, _ROUNDS = 40, 10, 16
# Of twice the log-likelihood; of z, relative.
_CONVERGED, _NEAR = 1e-4, 5e-3
# An end further away than so many standard errors is taken for infinite.
_FAR = 60.0
# Curvature of the deviance in a parameter that moves no residual.
_NOTHING = 1e-200


def rate_bias(theta: Vector, covariance: Matrix, persistence: Persistence) -> float:
    """Tell how far the logarithm of the speed is off, in its standard errors; 0 where nothing is known.

    Parameters
    ----------
    theta : (P,) array
        The optimum.
    covariance : (P, P) array
        Of the estimates; nan or 0 for those that do not move.
    persistence : Persistence
        At the optimum.
    """
    if np.isnan(persistence.log_rate(theta)):
        return 0.0
    known = np.where(np.isfinite(covariance), covariance, 0.0)
    slope = persistence.log_rate_slope(theta)
    variance = float(slope @ known @ slope)
    shift = float(slope @ known @ persistence.correction(theta).slope)
    return -shift / np.sqrt(variance) if variance > 0.0 else 0.0


def slow_intervals(
    model: MarketModel,
    theta: Vector,
    space: ResidualSpace,
    covariance: Matrix,
    chosen: NDArray[np.bool_],
    levels: Sequence[float],
    degrees: float,
    widening: Vector,
) -> NDArray[np.float64]:
    """Find intervals that allow for the bias of the speed where it is more than `BIASED`.

    Parameters
    ----------
    model, theta, levels, degrees, widening
        As of `restricted_intervals`.
    space : ResidualSpace
        Layout of the residuals.
    covariance : (P, P) array
        Of the estimates; nan for those that do not move.
    chosen : (P,) array of bool
        Parameters that get an interval.

    Returns
    -------
    (P, L, 2) array
        nan for parameters that keep what they have.
    """
    none = np.full((theta.size, len(levels), 2), np.nan)
    drifts = model.variant.form == "proportional"
    if not chosen.any() or drifts or model.gain(theta) < _LASTING or degrees <= 0.0:
        return none
    persistence = Persistence(model, theta, space)
    if rate_bias(theta, covariance, persistence) < BIASED:
        return none
    stderr = np.where(chosen, np.sqrt(np.diag(covariance)), np.nan)
    return restricted_intervals(model, theta, persistence, stderr, levels, degrees, widening)


def restricted_intervals(
    model: MarketModel,
    theta: Vector,
    persistence: Persistence,
    stderr: Vector,
    levels: Sequence[float],
    degrees: float,
    widening: Vector,
) -> NDArray[np.float64]:
    """Find the ends of profile intervals of the corrected likelihood.

    Parameters
    ----------
    model : MarketModel
        Of P parameters.
    theta : (P,) array
        Its optimum.
    persistence : Persistence
        At the optimum.
    stderr : (P,) array
        First guesses of distances; nan for parameters that get no interval.
    levels : sequence of float
        Coverage probabilities.
    degrees : float
        Residuals less parameters.
    widening : (P,) array
        Factors on the quantile that z has to reach, where errors are not independent.

    Returns
    -------
    (P, L, 2) array
        Lower and upper ends; infinite where there is none, nan where nothing was found.
    """
    ends = np.full((theta.size, len(levels), 2), np.nan)
    search = _Maximum(model, persistence, degrees)
    centre, _ = search.climb(theta)
    search = _Maximum(model, persistence.at(centre), degrees)
    centre, best = search.climb(theta)
    if not np.isfinite(best):
        return ends
    wanted = special.stdtrit(degrees, 0.5 + 0.5 * np.asarray(levels))
    for place in np.flatnonzero(stderr > 0.0):
        for side, sign in enumerate((-1.0, 1.0)):
            unit = sign * float(stderr[place])
            ends[place, :, side] = _Side(search, centre, best, int(place), unit).ends(
                wanted * widening[place]
            )
    return ends


class _Maximum:
    """Maxima of the corrected likelihood by Gauss-Newton steps."""

    def __init__(self, model: MarketModel, persistence: Persistence, degrees: float) -> None:
        self.model, self.degrees, self._persistence = model, degrees, persistence
        self._free = np.flatnonzero(model.vary)

    def deviance(self, theta: Vector) -> float:
        """Compute minus twice the corrected log-likelihood; infinite where there is none."""
        residual = self.model.residual(theta)
        if residual is None:
            return np.inf
        value = self.degrees * np.log(float(residual @ residual)) - 2.0 * self._persistence.value(theta)
        return float(value) if np.isfinite(value) else np.inf

    def climb(self, theta: Vector, held: int = -1) -> tuple[Vector, float]:
        """Go to the nearest maximum, one parameter held; give it with its deviance."""
        deviance, damping = self.deviance(theta), 0.0
        lower, upper = self.model.lower[self._free], self.model.upper[self._free]
        for _ in range(_ITERATIONS if np.isfinite(deviance) else 0):
            slope, bend = self._derivatives(theta)
            at = theta[self._free]
            bound = ((at <= lower) & (slope > 0.0)) | ((at >= upper) & (slope < 0.0))
            # What nothing depends on stays where it is.
            curved = np.isfinite(np.diag(bend)) & (np.diag(bend) > _NOTHING)
            moving = ~bound & (self._free != held) & curved
            # Parameters differ in size by many orders.
            size = np.sqrt(np.diag(bend)[moving])
            scaled, aim = bend[np.ix_(moving, moving)] / np.outer(size, size), slope[moving] / size
            found = False
            for _ in range(_DAMPINGS):
                damped = scaled + (damping + 1e-10) * np.eye(size.size)
                trial = theta.copy()
                place = self._free[moving]
                step = np.linalg.solve(damped, aim) / size
                trial[place] = np.clip(theta[place] - step, lower[moving], upper[moving])
                reached = self.deviance(trial)
                if reached <= deviance:
                    found = True
                    break
                damping = max(10.0 * damping, 1e-3)
            if not found:
                break
            gained, theta, deviance = deviance - reached, trial, reached
            damping = 0.1 * damping if damping > 1e-6 else 0.0
            if gained < _CONVERGED:
                break
        return theta, deviance

    def _derivatives(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Slope (F,) and curvature (F, F) of the deviance in the free parameters."""
        residual, jacobian = self.model.residual(theta), self.model.jacobian(theta)
        assert residual is not None, "the deviance is finite here"
        weight = 2.0 * self.degrees / float(residual @ residual)
        correction = self._persistence.correction(theta)
        slope = weight * (jacobian @ residual) - 2.0 * correction.slope[self._free]
        # Far from any optimum a derivative may be too large to be squared: such a parameter stays.
        with np.errstate(over="ignore", invalid="ignore"):
            bend = weight * (jacobian @ jacobian.T)
        return slope, bend + 2.0 * correction.curvature[np.ix_(self._free, self._free)]


class _Side:
    """One side of the profile of a parameter: distances, in signed units, where z reaches its quantiles."""

    def __init__(self, search: _Maximum, centre: Vector, best: float, place: int, unit: float) -> None:
        self._search, self._centre, self._best, self._place, self._unit = search, centre, best, place, unit
        # Of what was fitted on the way: distance, z, and the point.
        self._distance, self._z, self._point = [0.0], [0.0], [centre]

    def ends(self, wanted: Vector) -> Vector:
        """Find the ends (L,) at the wanted values (L,) of z."""
        ends = np.full(wanted.size, np.nan)
        for level in np.argsort(wanted):
            distance = self._solve(float(wanted[level]))
            ends[level] = self._centre[self._place] + distance * self._unit
            if not np.isfinite(distance):
                ends[wanted >= wanted[level]] = ends[level]
                break
        return ends

    def _solve(self, wanted: float) -> float:
        for _ in range(_ROUNDS):
            order = np.argsort(self._distance)
            distance, z = np.array(self._distance)[order], np.array(self._z)[order]
            near = int(np.argmin(np.abs(z - wanted)))
            if abs(z[near] - wanted) <= _NEAR * wanted:
                return float(distance[near])
            beyond = np.flatnonzero(z > wanted)
            if beyond.size:
                last = beyond[0]
                part = (wanted - z[last - 1]) / (z[last] - z[last - 1])
                width = distance[last] - distance[last - 1]
                if width < _NEAR * distance[last] / 5.0:
                    return float(distance[last])
                step = distance[last - 1] + np.clip(part, 0.03, 0.97) * width
            else:
                reached = distance[-1]
                if reached >= self._limit():
                    return np.inf
                rise = reached * wanted / z[-1] if reached > 0.0 and z[-1] > 0.0 else wanted
                step = min(max(rise, 1.25 * reached), max(2.5 * reached, wanted), self._limit())
            self._fit(float(step))
        return float(np.interp(wanted, np.maximum.accumulate(z), distance)) if beyond.size else np.inf

    def _limit(self) -> float:
        model = self._search.model
        bound = (model.upper if self._unit > 0.0 else model.lower)[self._place]
        return min(abs(float((bound - self._centre[self._place]) / self._unit)), _FAR)

    def _fit(self, step: float) -> None:
        """Hold the parameter so many units away, and begin where the nearest two fits point to."""
        by_distance = np.argsort(np.abs(np.array(self._distance) - step))
        start = self._point[by_distance[0]].copy()
        if len(by_distance) > 1:
            first, second = (self._distance[i] for i in by_distance[:2])
            ahead = (step - first) / (second - first)
            if abs(ahead) <= 1.5:
                start += ahead * (self._point[by_distance[1]] - start)
        model = self._search.model
        start = np.where(model.vary, np.clip(start, model.lower, model.upper), start)
        start[self._place] = self._centre[self._place] + step * self._unit
        point, deviance = self._search.climb(start, self._place)
        if not np.isfinite(deviance):
            # Where no fit can be made is too far.
            self._distance.append(step)
            self._z.append(1e3)
            self._point.append(self._point[by_distance[0]])
            return
        ratio = np.expm1(min(max(deviance - self._best, 0.0) / self._search.degrees, 50.0))
        self._distance.append(step)
        self._z.append(float(np.sqrt(self._search.degrees * ratio)))
        self._point.append(point)
