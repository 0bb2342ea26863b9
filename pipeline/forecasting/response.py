"""The market function over the periods to come, with what carries over from the past computed once."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from kernels.response.carryover import NONE
from kernels.response.evaluate import OK, evaluate, evaluate_effort_gradient, make_workspace, prepare
from kernels.response.response import ResponseError, check_efforts
from pipeline.errors import ForecastError
from pipeline.forecasting.periods import label_text
from pipeline.models.effects.carried import carried_inputs, ranked_inputs, single_periods
from pipeline.models.terms import GONE, term_inputs

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket


class ForecastResponse:
    """f of H future periods as a function of their efforts, for one parameter vector.

    Carried efforts are linear in the efforts: ``carried = past + sum over s of weight[..., s, ...] u_s``.

    Parameters
    ----------
    market : ForecastMarket
    theta : (P,) array
        Parameters; by default the estimates.

    Attributes
    ----------
    market : ForecastMarket
    equation : ShareEquation
        The equation of motion under these parameters.
    carries : bool
        Whether some effort carries over into later periods.
    """

    def __init__(self, market: "ForecastMarket", theta: Floats | None = None) -> None:
        spec = market.spec
        self.market = market
        self._theta = np.ascontiguousarray(market.theta if theta is None else theta)
        self.equation = market.equation(self._theta)
        self._shape = (len(market.efforts) + len(market.terms), market.horizon, market.firms.size)
        # Ranking and carry-over are done here, so the kernel sees efforts of single periods.
        self._spec = single_periods(spec)
        self._work = make_workspace(self._spec, *self._shape[1:])
        self._present = np.ones(self._shape[1:], dtype=bool)
        self._column = np.full(self._theta.size, -1)
        self._no_gradient = np.empty((0, *self._shape[1:]))
        self.carries = bool((spec.carry != NONE).any())
        if self.carries:
            past = self._with_terms(market.history, market.active)
            self._past = self._carry(self._rank(past)[0], np.zeros(self._shape))
            self._weight = self._impulses()

    def evaluate(self, efforts: Floats) -> Floats:
        """Return f, shape (H, N), for efforts (K, H, N).

        Raises
        ------
        ForecastError
            f is not finite, or negative although gamma is not 1; or an effort is outside the domain of its
            curve.
        """
        carried, _ = self._carried(efforts)
        value = np.empty(self._shape[1:])
        prepare(self._spec, carried, self._present, self.market.duration, self._work)
        status = evaluate(
            self._spec,
            carried,
            self._present,
            self.market.duration,
            self._work,
            self._theta,
            self._column,
            value,
            self._no_gradient,
        )
        return self._usable(status, value)

    def slope(self, efforts: Floats) -> tuple[Floats, Floats]:
        """Return f, and its derivative in the firm's own carried efforts of the same period, (K, H, N).

        Where nothing carries over, that is the derivative in the efforts themselves; otherwise see `spread`.
        Terms of past and rivals' efforts are not in it.

        Raises
        ------
        ForecastError
            As `evaluate`.
        """
        carried, rank = self._carried(efforts)
        value, slope = np.empty(self._shape[1:]), np.empty(self._shape)
        prepare(self._spec, carried, self._present, self.market.duration, self._work)
        status = evaluate_effort_gradient(
            self._spec,
            carried,
            self._present,
            self.market.duration,
            self._work,
            self._theta,
            value,
            slope,
        )
        if not self.carries:
            slope = slope * rank
        return self._usable(status, value), self._own_slope(slope)

    def spread(self, efforts: Floats) -> Floats:
        """Return the derivative of carried efforts of period t in efforts of period s, shape (K, t, s, N)."""
        rank = self._rank(self._with_future_terms(efforts))[1][: len(efforts)]
        if self.carries:
            return self._weight[: len(efforts)] * rank[:, np.newaxis]
        return np.eye(self._shape[1])[np.newaxis, :, :, np.newaxis] * np.ones_like(rank)[:, np.newaxis]

    def _usable(self, status: int, value: Floats) -> Floats:
        """Refuse f (H, N) that the equation of motion cannot take."""
        market = self.market
        if status != OK:
            raise ForecastError(
                f"Market {market.market}, model {market.model}: f is not finite in a period to come."
            )
        if self.equation.returns_to_scale != 1.0 and value.min() < 0.0:
            period, firm = np.argwhere(value < 0)[0].tolist()
            raise ForecastError(
                f"f of firm {market.firms[firm]} would be {value[period, firm]:.4g} in period "
                f"{label_text(market.times[period])} under the model {market.model}, and only the "
                "proportional form takes a negative f."
            )
        return value

    def _own_slope(self, slope: Floats) -> Floats:
        """Add the slopes in terms that are the firm's own efforts of the period to those of the efforts."""
        names, total = self.market.efforts, slope[: len(self.market.efforts)].copy()
        for row, term in enumerate(self.market.terms, len(names)):
            if not term.lag and term.rival is None and term.firm != GONE:
                firms = slice(None) if term.firm is None else term.firm
                total[names.index(term.effort), :, firms] += slope[row, :, firms]
        return total

    def _with_terms(self, efforts: Floats, active: NDArray[np.bool_]) -> Floats:
        """Append the inputs of terms, (K + terms, T, N), to efforts of all periods (K, T, N)."""
        market = self.market
        if not market.terms:
            return efforts
        inputs = term_inputs(market.terms, efforts, active, market.efforts)
        return np.concatenate([efforts, np.where(active, inputs, 0.0)])

    def _with_future_terms(self, efforts: Floats) -> Floats:
        """Append the inputs of terms to efforts of the periods to come (K, H, N); lags reach back."""
        market = self.market
        if not market.terms:
            return efforts
        whole = np.concatenate([market.history, efforts], axis=1)
        return self._with_terms(whole, np.concatenate([market.active, self._present]))[:, -self._shape[1] :]

    def _carried(self, efforts: Floats) -> tuple[Floats, Floats]:
        market = self.market
        try:
            check_efforts(market.curves, market.domains, market.efforts, efforts, None)
        except ResponseError as error:
            raise ForecastError(f"Market {market.market}, model {market.model}: {error}") from error
        ranked, rank = self._rank(self._with_future_terms(efforts))
        if not self.carries:
            return ranked, rank
        return self._past + np.einsum("ktsn,ksn->ktn", self._weight, ranked), rank

    def _rank(self, efforts: Floats) -> tuple[Floats, Floats]:
        return ranked_inputs(self.market.spec, efforts)

    def _carry(self, history: Floats, ahead: Floats) -> Floats:
        """Carried efforts of the periods to come, from ranked efforts of all periods."""
        market = self.market
        efforts = np.concatenate([history, ahead], axis=1)
        active = np.concatenate([market.active, self._present])
        duration = np.concatenate([market.past_duration, market.duration])
        carried = carried_inputs(market.spec, self._theta, efforts, active, duration)
        return carried[:, -self._shape[1] :].copy()

    def _impulses(self) -> Floats:
        """Weights (K, t, s, N) of an effort of period s in the carried effort of period t."""
        n_efforts, horizon, n_firms = self._shape
        weight = np.zeros((n_efforts, horizon, horizon, n_firms))
        nothing = np.zeros((n_efforts, *self.market.history.shape[1:]))
        for s in range(horizon):
            impulse = np.zeros(self._shape)
            impulse[:, s] = 1.0
            weight[:, :, s] = self._carry(nothing, impulse)
        return weight
