"""Profile likelihood: how far a parameter can go while all others follow, before the fit gets too bad.

For a parameter held at x the others are fitted anew; z(x) = ±sqrt(ν (χ²(x)/χ²_min - 1)) is the signed root of
the F statistic with 1 and ν degrees of freedom, and the interval of level p ends where |z| is the quantile of
Student's t. This is what `lmfit.conf_interval` computes; here all parameters, sides and levels are fitted
together in compiled code, with analytic derivatives.

The slope of a profile is that of the cost in the held parameter alone, the others being at their best (the
envelope theorem), so every fit tells z and dz/dx. An end is found from both, by the inverse of z as a cubic
through two points (Hermite); a fit is left out where z is near and that cubic and a straight line agree on
the end.

Source: Bates & Watts (1988), Nonlinear Regression Analysis and Its Applications, ch. 6.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel

_ROUNDS = 24
# How near z has to come to its quantile; or how near two guesses of the end, relative to its distance.
_TOLERANCE, _AGREED = 1e-4, 5e-5
_EVALUATIONS = 100
# Of the cost, relative: with a thousand residuals an error of 1e-6 in z.
_COST_TOLERANCE = 1e-8
# What the local model may still promise: at 1e-8 fits stopped on their way down a flat valley.
_PROMISE_TOLERANCE = 1e-10
# Where z rises by less than this part of its quantile while the distance grows by a third, or stays this far
# below what the covariance says of it, the next look is at the largest distance.
_FLAT, _SUNK = 1e-3, 0.25
_SMALLEST_GROWTH = 1.05
# Guesses are trusted from a z this near to its quantile, as z may jump where f is nearly negative.
# They are made beyond a z of this part of it.
_NEAR, _CLOSE = 5e-3, 0.6
# A z of so many times its quantile is on its way to where f is negative.
_STEEP = 1.3
# Where z and the distance differ by more than this part, or further on than so many times the distance gone,
# the others are taken to go on as they went last.
_BENT, _FURTHER = 0.25, 1.5
# An end that lies further than this many standard errors away is taken for infinite.
_FAR = 1e3


def profile_intervals(
    model: MarketModel,
    theta: Vector,
    covariance: Matrix,
    levels: Sequence[float],
    degrees: float,
    widening: Vector | None = None,
    both: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Find the ends of profile-likelihood intervals.

    Parameters
    ----------
    model : MarketModel
        Of P parameters.
    theta : (P,) array
        Its optimum.
    covariance : (P, P) array
        Of the estimates, for first guesses; parameters where a variance is nan or 0 are left out.
    levels : sequence of float
        Coverage probabilities.
    degrees : float
        Residuals less free parameters.
    widening : (P,) array, optional
        Factors on the quantile that z has to reach, where errors are not independent.
    both : (P,) array of bool, optional
        Parameters of which the interval is of use only if both of its ends at the last level are inside the
        bounds: once one is not, the others are not looked for (nan).

    Returns
    -------
    (P, L, 2) array
        Lower and upper ends. A bound of the parameter where the profile stays below the level up to it;
        infinite where it stays below as far as was looked; nan for what is left out, and where no fit could
        be made.
    """
    ends = np.full((theta.size, len(levels), 2), np.nan)
    chosen = np.flatnonzero(model.vary & (np.diag(covariance) > 0.0))
    residual = model.residual(theta)
    if not chosen.size or residual is None or degrees <= 0:
        return ends
    best = float(residual @ residual)
    if best <= 0.0:
        return ends
    wanted = special.stdtrit(degrees, 0.5 + 0.5 * np.asarray(levels))
    parameter, level, side = (
        grid.ravel() for grid in np.meshgrid(chosen, range(len(levels)), (0, 1), indexing="ij")
    )
    factor = np.ones(theta.size) if widening is None else widening
    search = _Search(model, theta, parameter, np.where(side == 1, 1.0, -1.0), covariance, best, degrees)
    decisive = np.zeros(parameter.size, dtype=np.bool_) if both is None else both[parameter]
    decisive &= level == len(levels) - 1
    ends[parameter, level, side] = search.solve(wanted[level] * factor[parameter], decisive)
    return ends


def _reached(z: Vector, wanted: Vector) -> NDArray[np.bool_]:
    """Tell where z is the wanted one; not where there is none."""
    near: NDArray[np.bool_] = np.abs(z - wanted) <= _TOLERANCE * wanted
    return near


class _Points:
    """A point on each of E curves z(x): distance from the optimum, z, and slope of the distance in z."""

    def __init__(self, distance: Vector, z: Vector, slope: Vector) -> None:
        self.distance, self.z, self.slope = distance, z, slope

    @classmethod
    def alike(cls, count: int, distance: float, z: float, slope: float) -> "_Points":
        """Make the same point on each curve."""
        return cls(np.full(count, distance), np.full(count, z), np.full(count, slope))

    def put(self, at: NDArray[np.intp], distance: Vector, z: Vector, slope: Vector) -> None:
        """Replace the points of some curves."""
        self.distance[at], self.z[at], self.slope[at] = distance, z, slope

    def where(self, chosen: NDArray[np.bool_], others: "_Points") -> "_Points":
        """Take these where chosen, and the others elsewhere."""
        return _Points(
            np.where(chosen, self.distance, others.distance),
            np.where(chosen, self.z, others.z),
            np.where(chosen, self.slope, others.slope),
        )

    def straight(self, wanted: Vector) -> Vector:
        """Go on in a straight line to the wanted z."""
        return self.distance + self.slope * (wanted - self.z)

    def towards(self, other: "_Points", wanted: Vector) -> Vector:
        """Follow the cubic through both points with their slopes to the wanted z."""
        span = other.z - self.z
        part = (wanted - self.z) / span
        chord = other.distance - self.distance
        bend = self.slope * span - chord, chord - other.slope * span
        cubic = part * (1.0 - part) * (bend[0] * (1.0 - part) + bend[1] * part)
        result: Vector = self.distance + part * chord + cubic
        return result

    def bent(self, other: "_Points", wanted: Vector) -> Vector:
        """Follow the hyperbola through both, with their slopes: it bends where z grows beyond all bounds."""
        span, step = other.z - self.z, wanted - self.z
        chord, slope = (other.distance - self.distance) / self.slope, other.slope / self.slope
        below = (2.0 * chord / span - 1.0 - slope) / (slope * span - chord)
        above = (chord * (1.0 + below * span) - span) / span**2
        result: Vector = self.distance + self.slope * step * (1.0 + above * step) / (1.0 + below * step)
        return result


class _Search:
    """Roots of z(x) = wanted for E ends at once: cubic steps kept inside a bracket."""

    def __init__(
        self,
        model: MarketModel,
        theta: Vector,
        parameter: NDArray[np.intp],
        sign: Vector,
        covariance: Matrix,
        best: float,
        degrees: float,
    ) -> None:
        self._model, self._theta, self._parameter, self._sign = model, theta, parameter, sign
        self._best, self._degrees = best, degrees
        self._unit = np.sqrt(np.diag(covariance))[parameter]
        bound = np.where(sign > 0, model.upper[parameter], model.lower[parameter])
        self._limit = np.minimum(np.abs(bound - theta[parameter]) / self._unit, _FAR)
        # Where the others go for each standard error: at first by the covariance, then as they went last.
        known = np.where(np.isfinite(covariance), covariance, 0.0)[parameter]
        self._tangent = (sign / self._unit)[:, None] * known
        self._path, self._gone = self._tangent.copy(), np.zeros(parameter.size)
        self._bent = np.zeros(parameter.size, dtype=np.bool_)

    def solve(self, wanted: Vector, decisive: NDArray[np.bool_]) -> Vector:
        """Give the ends (E,) where z reaches the wanted values (E,).

        Where one of the decisive ends of a parameter turns out to be none, its others are given up.
        """
        # At the optimum z has the slope that the covariance says.
        before, inner = (_Points.alike(wanted.size, 0.0, 0.0, 1.0) for _ in range(2))
        outer = _Points.alike(wanted.size, np.inf, np.nan, np.nan)
        step = np.minimum(wanted, self._limit)
        reach = np.full(wanted.size, np.nan)
        open_, leaping = np.ones(wanted.size, dtype=bool), np.zeros(wanted.size, dtype=bool)
        rounds, leapt = np.zeros(wanted.size, dtype=np.int64), leaping.copy()
        while True:
            look = open_ & (rounds < _ROUNDS)
            if decisive.any():
                look &= ~self._waiting(open_ & np.isinf(outer.distance) & decisive)
            at = np.flatnonzero(look)
            if not at.size:
                break
            rounds[at] += 1
            z, slope = self._evaluate(at, step[at], wanted[at])
            # Where no fit could be made is too far.
            below = z < wanted[at]
            done = _reached(z, wanted[at])
            stuck = below & (step[at] >= self._limit[at]) & ~done
            reach[at[done]] = step[at[done]]
            # What levels off so near its quantile that steps in proportion would not have come so far may
            # reach it or not: no end is claimed.
            with np.errstate(divide="ignore"):
                growth = np.maximum(wanted[at] / z, _SMALLEST_GROWTH) ** (_ROUNDS - 1)
            reach[at[stuck]] = np.where(wanted[at] * growth >= self._limit[at], np.inf, np.nan)[stuck]
            open_[at[done | stuck]] = False
            if (stuck & decisive[at]).any():
                open_[np.isin(self._parameter, self._parameter[at[stuck & decisive[at]]])] = False
            inside, outside = at[below], at[~below & ~leaping[at]]
            flat = np.zeros(wanted.size, dtype=bool)
            with np.errstate(divide="ignore"):
                grown = np.minimum((step[inside] / inner.distance[inside] - 1.0) / 0.3, 1.0)
            rise = np.where(inner.distance[inside] > 0.0, _FLAT * grown, _SUNK) * wanted[inside]
            flat[inside] = z[below] - inner.z[inside] < rise
            before.put(inside, inner.distance[inside], inner.z[inside], inner.slope[inside])
            inner.put(inside, step[inside], z[below], slope[below])
            outer.put(outside, step[outside], z[~below & ~leaping[at]], slope[~below & ~leaping[at]])
            step, sure = self._next(before, inner, outer, wanted, rounds)
            settled = np.flatnonzero(sure & open_)
            reach[settled] = step[settled]
            open_[settled] = False
            leaping = flat & ~leapt & np.isinf(outer.distance)
            leapt |= leaping
            step[leaping] = self._limit[leaping]
        distance = np.where(np.isinf(reach), self._limit, reach)
        end = self._theta[self._parameter] + self._sign * distance * self._unit
        bound = np.where(
            self._sign > 0, self._model.upper[self._parameter], self._model.lower[self._parameter]
        )
        no_end = np.isinf(reach)
        reached = no_end & (self._limit < _FAR)
        return np.where(reached, bound, np.where(no_end, self._sign * np.inf, end))

    def _waiting(self, searching: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which ends wait for others (E,) of their parameter, which may turn out to be none."""
        of_parameter = self._parameter[:, np.newaxis] == self._parameter[searching]
        # Outwards first: a ridge along which coefficients grow has no end there.
        outwards = searching & (self._sign * self._theta[self._parameter] >= 0.0)
        after = self._parameter[:, np.newaxis] == self._parameter[outwards]
        return (of_parameter.any(axis=1) & ~searching) | (after.any(axis=1) & ~outwards)

    def _next(
        self, before: _Points, inner: _Points, outer: _Points, wanted: Vector, rounds: NDArray[np.int64]
    ) -> tuple[Vector, NDArray[np.bool_]]:
        """Guess where the ends are, and tell where the guess needs no fit (E,)."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            beyond = np.abs(outer.z - wanted) < np.abs(wanted - inner.z)
            closed = np.isfinite(outer.z)
            near = inner.where(~beyond, outer)
            far = outer.where(closed & ~beyond, before.where(~beyond, inner))
            straight, cubic = near.straight(wanted), near.towards(far, wanted)
            sure = (
                (np.abs(straight - cubic) * np.square((far.z - wanted) / wanted) <= _AGREED * cubic)
                & (np.abs(near.z - wanted) <= _NEAR * wanted)
                & (near.distance > 0.0)
                & (cubic > inner.distance)
                & (cubic < np.minimum(outer.distance, self._limit))
            )
            ratio = np.where(inner.z > 0.0, inner.distance / inner.z, 1.0)
            close = (cubic > inner.distance) & (inner.z > _CLOSE * wanted)
            further = np.clip(wanted * ratio, _SMALLEST_GROWTH * inner.distance, np.inf)
            further = np.where(close, cubic, further)
            further = np.minimum(further, np.maximum(3.0 * inner.distance, wanted))
            width = outer.distance - inner.distance
            chord = inner.distance + (wanted - inner.z) * width / (outer.z - inner.z)
            chord = np.clip(chord, inner.distance + 0.02 * width, outer.distance - 0.02 * width)
            middle = np.where(np.isfinite(chord), chord, inner.distance + 0.5 * width)
            bent = inner.bent(outer, wanted)
            steep = (outer.z > _STEEP * wanted) & (bent > inner.distance) & (bent < outer.distance)
            inside = (cubic > inner.distance) & (cubic < outer.distance - np.where(closed, 0.0, 0.1 * width))
            inside &= (inner.distance > 0.0) | closed
            guess = np.where(inside & (rounds < _ROUNDS // 3), np.where(steep, bent, cubic), middle)
        step = np.where(np.isfinite(outer.distance), guess, further)
        return np.where(sure, cubic, np.minimum(step, self._limit)), sure

    def _evaluate(self, at: NDArray[np.intp], step: Vector, wanted: Vector) -> tuple[Vector, Vector]:
        """Fit the others with each parameter held ``step`` standard errors away.

        Gives z (nan: no fit), and the slope of the distance in z (nan where z is the wanted one).
        """
        model, parameter = self._model, self._parameter[at]
        held = self._theta[parameter] + self._sign[at] * step * self._unit[at]
        held = np.clip(held, model.lower[parameter], model.upper[parameter])
        rows = np.arange(at.size)
        lower, upper = (np.tile(bound, (at.size, 1)) for bound in (model.lower, model.upper))
        start = np.where(model.vary, self._theta + step[:, None] * self._way(at, step), self._theta)
        start = np.where(model.vary, np.clip(start, lower, upper), start)
        start[rows, parameter] = held
        lower[rows, parameter] = upper[rows, parameter] = held
        fit = model.fit_many(
            start,
            lower=lower,
            upper=upper,
            max_evaluations=_EVALUATIONS,
            cost_tolerance=_COST_TOLERANCE,
            promise_tolerance=_PROMISE_TOLERANCE,
        )
        usable = np.isfinite(fit.cost)
        self._path[at[usable]] = (fit.value[usable] - self._theta) / step[usable, None]
        self._gone[at[usable]] = step[usable]
        z = np.sqrt(self._degrees * np.maximum(2.0 * fit.cost / self._best - 1.0, 0.0))
        self._bent[at[usable]] = (np.abs(z - step) > _BENT * step)[usable]
        rise = np.where(usable & ~_reached(z, wanted), fit.slope[rows, parameter], np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = self._best * z / (self._degrees * rise * self._sign[at] * self._unit[at])
        return np.where(usable, z, np.nan), slope

    def _way(self, at: NDArray[np.intp], step: Vector) -> Matrix:
        """Guess where the others go for each standard error: on a parabola that begins at the tangent."""
        with np.errstate(invalid="ignore", divide="ignore"):
            part = step / self._gone[at]
        part = np.where((part < _FURTHER) & ~self._bent[at], part, 1.0)[:, np.newaxis]
        return (1.0 - part) * self._tangent[at] + part * self._path[at]
