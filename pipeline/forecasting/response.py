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
    theta : (P,) array
    equation : ShareEquation
        The equation of motion under these parameters.
    carries : bool
        Whether some effort carries over into later periods.
    acts_on_rivals : bool
        Whether an effort acts on the f of rivals.
    """

    def __init__(self, market: "ForecastMarket", theta: Floats | None = None) -> None:
        spec = market.spec
        self.market = market
        self.theta = np.ascontiguousarray(market.theta if theta is None else theta)
        self.equation = market.equation(self.theta)
        self._shape = (len(market.efforts) + len(market.terms), market.horizon, market.firms.size)
        # Ranking and carry-over are done here, so the kernel sees efforts of single periods.
        self._spec = single_periods(spec)
        self._work = make_workspace(self._spec, *self._shape[1:])
        self._present = np.ascontiguousarray(market.present)
        self._column = np.full(self.theta.size, -1)
        self._no_gradient = np.empty((0, *self._shape[1:]))
        self.carries = bool((spec.carry != NONE).any())
        self.acts_on_rivals = any(term.rival is not None for term in market.terms)
        if self.carries:
            past = self._with_terms(market.history, market.active)
            self._past = self._carry(self._rank(past)[0], np.zeros(self._shape))
            self._weight = self._impulses()

    def evaluate(self, efforts: Floats) -> Floats:
        """Return f, shape (H, N), for efforts (K, H, N); nan for firms that are not there yet.

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
            self.theta,
            self._column,
            value,
            self._no_gradient,
        )
        return self._usable(status, value)

    def slope(self, efforts: Floats) -> tuple[Floats, Floats]:
        """Return f, and its derivative in the firm's own carried efforts of the same period, (K, H, N).

        Where nothing carries over, that is the derivative in the efforts themselves; otherwise see
        `influence`. Terms of past and rivals' efforts are not in it.

        Raises
        ------
        ForecastError
            As `evaluate`.
        """
        carried, rank = self._carried(efforts)
        value, slope = self._value_and_slope(carried)
        if not self.carries:
            slope = slope * rank
        return self._usable(*value), self._own_slope(slope)

    def _value_and_slope(self, carried: Floats) -> tuple[tuple[int, Floats], Floats]:
        """Give the status and f (H, N), and the derivative in the carried inputs (K + terms, H, N)."""
        value, slope = np.empty(self._shape[1:]), np.empty(self._shape)
        prepare(self._spec, carried, self._present, self.market.duration, self._work)
        status = evaluate_effort_gradient(
            self._spec,
            carried,
            self._present,
            self.market.duration,
            self._work,
            self.theta,
            value,
            slope,
        )
        return (status, value), slope

    def influence(self, efforts: Floats, index: NDArray[np.intp], firm: int) -> tuple[Floats, Floats]:
        """Return f (H, N), and how it depends on what one firm does, in full: (L, t, s, N).

        Derivative of f of period t of every firm in the efforts ``index`` (L,) of the firm in period s:
        carry-over, past efforts, coefficients of single firms and effects on rivals included.

        Raises
        ------
        ForecastError
            As `evaluate`.
        """
        value, rows = self._rows(efforts)
        blocks = [self._influence_of(effort, firm, *rows) for effort in index.tolist()]
        shape = (len(index), self._shape[1], self._shape[1], self._shape[2])
        return self._usable(*value), np.array(blocks).reshape(shape)

    def influence_of_all(self, efforts: Floats, effort: int) -> Floats:
        """Return how f depends on one effort of each firm k, (k, t, s, N); see `influence`."""
        _, rows = self._rows(efforts)
        return np.array([self._influence_of(effort, firm, *rows) for firm in range(self._shape[2])])

    def _rows(self, efforts: Floats) -> tuple[tuple[int, Floats], tuple[Floats, Floats]]:
        """Give the status and f, and what every input of f does: slopes and ranks (K + terms, H, N)."""
        carried, rank = self._carried(efforts)
        value, slope = self._value_and_slope(carried)
        return value, (slope, rank)

    def _influence_of(self, effort: int, firm: int, slope: Floats, rank: Floats) -> Floats:
        """Give the derivative (t, s, N) of f in one effort of one firm."""
        total, names = np.zeros((self._shape[1], *self._shape[1:])), self.market.efforts
        rows: list[tuple[int, int, int | None, int | None]] = [(effort, 0, None, None)]
        rows += [
            (len(names) + number, term.lag, term.firm, term.rival)
            for number, term in enumerate(self.market.terms)
            if term.effort == names[effort]
        ]
        for row, lag, only, rival in rows:
            if rival not in (None, firm) or only == GONE:
                continue
            for other in [firm] if rival is None else range(self._shape[2]):
                if only in (None, other):
                    part = self._through(row, slope[row, :, other], rank[row, :, other], other)
                    total[:, : max(part.shape[1] - lag, 0), other] += part[:, lag:]
        return total

    def _through(self, row: int, slope: Floats, rank: Floats, firm: int) -> Floats:
        """Give the derivative (t, s) of f in the input of a row in period s, by slopes and ranks (H,)."""
        if not self.carries:
            return np.diag(slope * rank)
        return np.asarray(slope[:, np.newaxis] * self._weight[row, :, :, firm] * rank)

    def _usable(self, status: int, value: Floats) -> Floats:
        """Refuse f (H, N) that the equation of motion cannot take."""
        market = self.market
        if status != OK:
            raise ForecastError(
                f"Market {market.market}, model {market.model}: f is not finite in a period to come."
            )
        if self.equation.returns_to_scale != 1.0 and (value < 0.0).any():
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
        carried = carried_inputs(market.spec, self.theta, efforts, active, duration)
        return carried[:, -self._shape[1] :].copy()

    def carry_kernel(self, length: int) -> Floats:
        """Weights (K, length, N) of an effort in the carried effort of its own period and of those after it.

        Periods have length 1.
        """
        # An effort before the first one that is known counts as equal to it, so the impulse comes second.
        efforts = np.zeros((self._shape[0], length + 1, self._shape[2]))
        efforts[:, 1] = 1.0
        active = np.ones(efforts.shape[1:], dtype=bool)
        carried = carried_inputs(self.market.spec, self.theta, efforts, active, np.ones(length + 1))
        return np.asarray(carried[: len(self.market.efforts), 1:])

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
