"""What is known of parameters whose gain is estimated: a mixture over gains, by restricted likelihood.

A gain and an autocorrelation of the errors may explain the same short series: errors that last and are
measured with others look much like errors that fade. Their likelihood has a long ridge, or two maxima, of
which one has a gain of 0, where no standard error tells of the other; and it piles up there, as for the root
of any moving average. Forecasts far ahead differ by what is true. So all other parameters are fitted again
with the gain held at points of its range, and every point has the weight of its likelihood, with the others
integrated out: Σv² to the power of -(n - p)/2 times |J J'| to that of -1/2, which for linear parameters is
the restricted likelihood (Patterson & Thompson 1971, Biometrika 58, 545; Harville 1974, Biometrika 61, 383),
here by Laplace's approximation. Around each point the others are normal, as Jacobian and intervals say.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import AUTOCORRELATION, GAIN
from pipeline.models.posterior.mixture import ParameterMixture
from pipeline.models.priors import n_effective

if TYPE_CHECKING:
    from pipeline.models.market_model import MarketModel

# Points of a grid; what weighs less than a part of the best is left out, and a finer grid laid where less
# than so many are left.
_POINTS, _FEW, _ROUNDS = 13, 6, 3
_NOTHING = 1e-3
_EVALUATIONS = 60
# How much of a step in the gain the autocorrelation takes over, at one of two starts.
_TRADED = 0.8


def mixture_over_gains(model: "MarketModel", theta: Vector, covariance: Matrix) -> ParameterMixture:
    """Make the mixture.

    Parameters
    ----------
    model : MarketModel
        With the beliefs and weights of its fit.
    theta : (P,) array
        Its optimum.
    covariance : (P, P) array
        Of the estimates by the most trusted intervals: 0 where fixed, nan where not determined or at a
        bound. Those that have none stay as they are, but for the gain.

    Returns
    -------
    ParameterMixture
        In the order of gains; of one density where the gain is not estimated, or the covariance holds what
        these fits do not: first stages, or an optimum at which f is 0 somewhere.
    """
    single = ParameterMixture.single(theta, covariance, (model.lower, model.upper))
    gain = model.names.index(GAIN)
    if not (model.data.corrected and model.vary[gain]) or model.stages:
        return single
    moving = np.nan_to_num(np.diag(covariance)) > 0.0
    search = _Gains(model, theta, moving, gain)
    if not moving.any() or not search.degrees > 0.0:
        return single
    scale = search.widening(covariance)
    points, weight = np.linspace(0.0, 1.0, _POINTS), np.empty(0)
    centre = np.tile(theta, (points.size, 1))
    for _ in range(_ROUNDS):
        centre, density = search.fit(points, centre, scale)
        if not np.isfinite(density).any():
            return single
        weight = np.exp(density - np.max(density))
        # Half a step each, by the trapezoidal rule.
        weight[[0, -1]] *= 0.5
        known = np.flatnonzero(weight > _NOTHING)
        if known.size >= _FEW:
            break
        ends = points[max(known[0] - 1, 0)], points[min(known[-1] + 1, points.size - 1)]
        finer = np.linspace(*ends, _POINTS)
        nearest = np.abs(finer[:, np.newaxis] - points).argmin(axis=1)
        points, centre = finer, centre[nearest]
    spread = np.array([search.covariance(centre[one], scale) for one in known])
    weight = weight[known] / weight[known].sum()
    return ParameterMixture(weight, centre[known], spread, model.lower, model.upper)


class _Gains:
    """Fits with the gain held, of the parameters that move."""

    def __init__(self, model: "MarketModel", theta: Vector, moving: NDArray[np.bool_], gain: int) -> None:
        self._model, self._theta, self._gain = model, theta, gain
        self._estimated = moving
        self.moving = moving.copy()
        self.moving[gain] = False
        self.degrees = model.n_residuals - n_effective(model, theta)

    def widening(self, covariance: Matrix) -> float:
        """Tell how much wider a covariance is than that of the Jacobian: the trusted intervals' doing."""
        chosen = np.flatnonzero(self._estimated)
        plain = self._inverse(self._theta, chosen)[0]
        return float(np.median(np.diag(covariance)[chosen] / np.diag(plain)))

    def fit(self, gains: Vector, starts: Matrix, scale: float) -> tuple[Matrix, Vector]:
        """Fit with each gain (K,) held: optima (K, P), and the logarithms of their densities (K,)."""
        model, count = self._model, gains.size
        held = ~self.moving
        lower, upper = np.tile(model.lower, (count, 1)), np.tile(model.upper, (count, 1))
        lower[:, held] = upper[:, held] = self._theta[held]
        lower[:, self._gain] = upper[:, self._gain] = gains
        first = starts.copy()
        first[:, self._gain] = gains
        tries = [first]
        if AUTOCORRELATION in model.names and self.moving[model.names.index(AUTOCORRELATION)]:
            place, other = model.names.index(AUTOCORRELATION), first.copy()
            traded = self._theta[place] + _TRADED * (self._theta[self._gain] - gains)
            other[:, place] = np.clip(traded, model.lower[place], model.upper[place])
            tries.append(other)
        both = np.tile(lower, (len(tries), 1)), np.tile(upper, (len(tries), 1))
        made = model.fit_many(
            np.concatenate(tries), lower=both[0], upper=both[1], max_evaluations=_EVALUATIONS
        )
        cost, value = made.cost.reshape(len(tries), count), made.value.reshape(len(tries), count, -1)
        cost = np.where(np.isfinite(cost), cost, np.inf)
        best, rows = cost.argmin(axis=0), np.arange(count)
        centre, density = value[best, rows], np.full(count, -np.inf)
        for one in np.flatnonzero((cost[best, rows] > 0.0) & np.isfinite(cost[best, rows])):
            square = 2.0 * float(cost[best[one], one])
            _, volume = self._inverse(centre[one], np.flatnonzero(self.moving))
            density[one] = volume - 0.5 * self.degrees * np.log(square) / scale
        return centre, density

    def covariance(self, theta: Vector, scale: float) -> Matrix:
        """Covariance (P, P) around an optimum with the gain held; 0 for what does not move."""
        full, chosen = np.zeros((theta.size, theta.size)), np.flatnonzero(self.moving)
        full[np.ix_(chosen, chosen)] = scale * self._inverse(theta, chosen)[0]
        return full

    def _inverse(self, theta: Vector, chosen: NDArray[np.intp]) -> tuple[Matrix, float]:
        """Covariance s² (J J')⁻¹ of chosen parameters, and -1/2 log |J J'| up to a constant."""
        model = self._model
        residual = model.residual(theta)
        assert residual is not None, "an optimum has residuals"
        variance = float(residual @ residual) / self.degrees
        width = (model.high - model.low)[chosen]
        rows = model.jacobian(theta)[model.column[chosen]] * (width / np.sqrt(variance))[:, np.newaxis]
        strength, axes = np.linalg.eigh(rows @ rows.T)
        # What the data do not see goes no further than a search would look.
        strength = np.maximum(strength, 0.0) + 1.0
        inverse = (axes / strength) @ axes.T * np.outer(width, width)
        return inverse, -0.5 * float(np.log(strength).sum()) - 0.5 * chosen.size * float(np.log(variance))
