"""How far short series make shares adjust too fast, and what to add to the likelihood against it.

Where errors last, the speed of adjustment is an autoregressive root, exp(-rate), beside constants that have
to be estimated too; least squares puts such roots too low (Hurwicz 1950; Kendall 1954), by up to a standard
error where the data hold few half-lives. The score of the root is biased by what the projection P on the
derivatives in the other parameters takes out of it, trace(P ∂A A⁻¹), with A the filter that takes errors of
shares to innovations. The logarithm of a likelihood with this bias taken out is the usual one plus

    g(ρ) - g(ρ (1 - k)) + g(φ),    g(x) = Σ_t c_t x^t / t,

with ρ = exp(-rate) of one period, gain k and autocorrelation φ of the errors, and c_t the autocovariance at
lag t of an orthonormal basis of P over the periods, all directions of it added up. For k = 1, φ = 0 and
constants alone this is Lancaster's integrated likelihood of a dynamic panel, which holds for any start and
near the unit root too. Without errors that last (k = 0) the root is not touched.

Sources: Lancaster (2002), Review of Economic Studies 69, 647; Dhaene & Jochmans (2016), Econometric Theory
32, 1178 (the profile score and its bias); McCullagh & Tibshirani (1990), J. Royal Statistical Society B 52,
325.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import AUTOCORRELATION, GAIN, INITIAL
from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.models.market_model import MarketModel

# Step of differences of the logarithm of the rate, relative to the parameter or its sampling box.
_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Correction:
    """What is added to the log-likelihood at a point of P parameters.

    Attributes
    ----------
    value
    slope
        (P,) its derivatives.
    curvature
        (P, P) what of its second derivatives bends downwards, as a positive matrix.
    """

    value: float
    slope: Vector
    curvature: Matrix


class Persistence:
    """The correction of the module's text for one model, around one point.

    Parameters
    ----------
    model : MarketModel
        Of P parameters, with a gain.
    theta : (P,) array
        Where the projection P of the module's text is taken.
    space : ResidualSpace
        Layout of its residuals.
    """

    def __init__(self, model: MarketModel, theta: Vector, space: ResidualSpace) -> None:
        self._model, self._space = model, space
        data = model.data
        self._share = np.where(data.active, data.share, np.nan)
        self._period = float(data.duration[data.first :].mean())
        still = np.array([name in (GAIN, AUTOCORRELATION) for name in model.names])
        starts = np.array([name.startswith(f"{INITIAL}.") for name in model.names])
        self._noise, self._moving = still, np.flatnonzero(model.vary & ~still & ~starts)
        self._gain = model.names.index(GAIN)
        self._carried = model.names.index(AUTOCORRELATION) if data.serial else -1
        # The last point at which the slope was taken.
        self._known: tuple[Vector, Vector] | None = None
        self.covariances = self._basis_covariances(theta)
        self._lag = np.arange(1.0, self.covariances.size + 1.0)

    def at(self, theta: Vector) -> "Persistence":
        """Take the projection at another point."""
        return Persistence(self._model, theta, self._space)

    def log_rate(self, theta: Vector) -> float:
        """Compute the logarithm of the rate of adjustment; nan where there is none."""
        rate = self._model.mean_rate(theta, self._share)
        return float(np.log(rate)) if rate > 0.0 else np.nan

    def log_rate_slope(self, theta: Vector) -> Vector:
        """Differentiate the logarithm of the rate in all parameters, (P,)."""
        if self._known is not None and np.array_equal(theta, self._known[0]):
            return self._known[1]
        slope, here = np.zeros(theta.size), self.log_rate(theta)
        for place in self._moving:
            moved = theta.copy()
            box = self._model.high[place] - self._model.low[place]
            moved[place] += _STEP * max(abs(theta[place]), box)
            slope[place] = (self.log_rate(moved) - here) / (moved[place] - theta[place])
        self._known = theta.copy(), slope
        return slope

    def value(self, theta: Vector) -> float:
        """Compute what is added to the log-likelihood; nan where the rate is not positive."""
        roots = self._roots(theta, self.log_rate(theta))
        return float(sum(sign * self._series(root, 0) for sign, root in zip((1, -1, 1), roots, strict=True)))

    def correction(self, theta: Vector) -> Correction:
        """Give it with its derivatives."""
        log_rate = self.log_rate(theta)
        rho, short, carried = self._roots(theta, log_rate)
        # ∂ρ/∂ ln rate and ∂²ρ/∂ ln rate²; the short root is ρ (1 - k).
        power = float(np.exp(log_rate)) * self._period
        first, second, left = -power * rho, power * (power - 1.0) * rho, 1.0 - theta[self._gain]
        g1, g2 = self._series(rho, 1), self._series(rho, 2)
        h1, h2 = self._series(short, 1), self._series(short, 2)
        towards = np.zeros((3, theta.size))
        towards[0] = self.log_rate_slope(theta)
        towards[1, self._gain] = 1.0
        slopes = [first * (g1 - left * h1), rho * h1, 0.0]
        bends = [g2 * first**2 + g1 * second - left * (h2 * left * first**2 + h1 * second), -h2 * rho**2, 0.0]
        if self._carried >= 0:
            towards[2, self._carried] = 1.0
            slopes[2], bends[2] = self._series(carried, 1), self._series(carried, 2)
        value = self._series(rho, 0) - self._series(short, 0) + self._series(carried, 0)
        bent = np.maximum(-np.array(bends), 0.0)
        return Correction(value, np.array(slopes) @ towards, (towards.T * bent) @ towards)

    def _roots(self, theta: Vector, log_rate: float) -> tuple[float, float, float]:
        rho = float(np.exp(-np.exp(log_rate) * self._period))
        carried = float(theta[self._carried]) if self._carried >= 0 else 0.0
        return rho, rho * (1.0 - float(theta[self._gain])), carried

    def _series(self, root: float, derivative: int) -> float:
        """Sum the series g, or a derivative of it."""
        if derivative == 0:
            return float(self.covariances @ (root**self._lag / self._lag))
        if derivative == 1:
            return float(self.covariances @ root ** (self._lag - 1.0))
        beyond = self._lag[1:]
        return float(self.covariances[1:] @ ((beyond - 1.0) * root ** (beyond - 2.0)))

    def _basis_covariances(self, theta: Vector) -> Vector:
        """Autocovariances of the directions that leave the rate as it is, at lags 1, 2, ..."""
        model = self._model
        rows = model.jacobian(theta)[~self._noise[model.vary]]
        slope = self.log_rate_slope(theta)[model.vary & ~self._noise]
        length = np.linalg.norm(rows, axis=1)
        seen = length > 0.0
        rows, slope = rows[seen] / length[seen, np.newaxis], slope[seen] / length[seen]
        size = np.linalg.norm(slope)
        if size > 0.0:
            # Orthonormal to the slope of the rate; all directions where shares have no long run (nan).
            turned = np.linalg.qr(np.column_stack([slope / size, np.eye(slope.size)]))[0]
            rows = turned[:, 1:].T @ rows
        _, singular, basis = np.linalg.svd(rows, full_matrices=False)
        basis = basis[singular > RANK_TOLERANCE * singular[0]]
        # Rows of beliefs stand last: what is believed is projected on in part.
        firms = self._space.to_firms(basis[:, : self._space.n_rows])
        periods = firms.shape[1]
        spectrum = np.abs(fft.rfft(firms, n=2 * periods, axis=1)) ** 2
        whole: Vector = fft.irfft(spectrum.sum(axis=(0, 2)), n=2 * periods)[1:periods]
        return whole
