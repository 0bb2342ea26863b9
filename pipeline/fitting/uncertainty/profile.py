"""Profile likelihood: how far a parameter can go while all others follow, before the fit gets too bad.

For a parameter held at x the others are fitted anew; z(x) = ±sqrt(ν (χ²(x)/χ²_min - 1)) is the signed root of
the F statistic with 1 and ν degrees of freedom, and the interval of level p ends where |z| is the quantile of
Student's t. This is what `lmfit.conf_interval` computes; here all parameters, sides and levels are fitted
together in compiled code, with analytic derivatives.

Source: Bates & Watts (1988), Nonlinear Regression Analysis and Its Applications, ch. 6.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel

_ROUNDS = 24
_TOLERANCE = 1e-4
_EVALUATIONS = 100
# An end that lies further than this many standard errors away is taken for infinite.
_FAR = 1e3


def profile_intervals(
    model: MarketModel,
    theta: Vector,
    covariance: Matrix,
    levels: Sequence[float],
    degrees: float,
    widening: Vector | None = None,
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
    wanted = stats.t.ppf(0.5 + 0.5 * np.asarray(levels), degrees)
    parameter, level, side = (
        grid.ravel() for grid in np.meshgrid(chosen, range(len(levels)), (0, 1), indexing="ij")
    )
    factor = np.ones(theta.size) if widening is None else widening
    search = _Search(model, theta, parameter, np.where(side == 1, 1.0, -1.0), covariance, best, degrees)
    ends[parameter, level, side] = search.solve(wanted[level] * factor[parameter])
    return ends


class _Search:
    """Roots of z(x) = wanted for E ends at once: secant steps kept inside a bracket."""

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
        self._path = (sign / self._unit)[:, None] * known

    def solve(self, wanted: Vector) -> Vector:
        """Give the ends (E,) where z reaches the wanted values (E,)."""
        # Distances from the optimum, in standard errors: inside, with its z, and outside.
        inner, inner_z = np.zeros(wanted.size), np.zeros(wanted.size)
        outer, outer_z = np.full(wanted.size, np.inf), np.full(wanted.size, np.nan)
        step = np.minimum(wanted, self._limit)
        reach = np.full(wanted.size, np.nan)
        open_ = np.ones(wanted.size, dtype=bool)
        for _ in range(_ROUNDS):
            at = np.flatnonzero(open_)
            if not at.size:
                break
            z = self._evaluate(at, step[at])
            done = np.abs(z - wanted[at]) <= _TOLERANCE * wanted[at]
            # Where no fit could be made is too far.
            below = z < wanted[at]
            stuck = below & (step[at] >= self._limit[at]) & ~done
            reach[at[done]] = step[at[done]]
            reach[at[stuck]] = np.inf
            open_[at[done | stuck]] = False
            inside, outside = at[below], at[~below]
            inner[inside], inner_z[inside] = step[inside], z[below]
            outer[outside], outer_z[outside] = step[outside], z[~below]
            step = self._next(inner, inner_z, outer, outer_z, wanted)
        distance = np.where(np.isinf(reach), self._limit, reach)
        end = self._theta[self._parameter] + self._sign * distance * self._unit
        bound = np.where(
            self._sign > 0, self._model.upper[self._parameter], self._model.lower[self._parameter]
        )
        no_end = np.isinf(reach)
        reached = no_end & (self._limit < _FAR)
        return np.where(reached, bound, np.where(no_end, self._sign * np.inf, end))

    def _next(self, inner: Vector, inner_z: Vector, outer: Vector, outer_z: Vector, wanted: Vector) -> Vector:
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(inner_z > 0.0, inner / inner_z, 1.0)
            further = np.clip(wanted * slope, 1.05 * inner, np.maximum(3.0 * inner, wanted))
            secant = inner + (wanted - inner_z) * (outer - inner) / (outer_z - inner_z)
        bracketed = np.isfinite(outer)
        width = np.where(bracketed, outer - inner, 0.0)
        secant = np.clip(secant, inner + 0.02 * width, outer - 0.02 * width)
        secant = np.where(np.isfinite(secant), secant, inner + 0.5 * width)
        return np.minimum(np.where(bracketed, secant, further), self._limit)

    def _evaluate(self, at: NDArray[np.intp], step: Vector) -> Vector:
        """Fit the others with each parameter held ``step`` standard errors away; give z (nan: no fit)."""
        model, parameter = self._model, self._parameter[at]
        held = self._theta[parameter] + self._sign[at] * step * self._unit[at]
        held = np.clip(held, model.lower[parameter], model.upper[parameter])
        rows = np.arange(at.size)
        lower, upper = (np.tile(bound, (at.size, 1)) for bound in (model.lower, model.upper))
        start = np.where(model.vary, self._theta + step[:, None] * self._path[at], self._theta)
        start = np.where(model.vary, np.clip(start, lower, upper), start)
        start[rows, parameter] = held
        lower[rows, parameter] = upper[rows, parameter] = held
        fit = model.fit_many(start, lower=lower, upper=upper, max_evaluations=_EVALUATIONS)
        usable = np.isfinite(fit.cost)
        self._path[at[usable]] = (fit.value[usable] - self._theta) / step[usable, None]
        excess = np.maximum(2.0 * fit.cost / self._best - 1.0, 0.0)
        return np.where(usable, np.sqrt(self._degrees * excess), np.nan)
