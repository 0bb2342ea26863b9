"""The market function over the periods to come, with what carries over from the past computed once."""

import numpy as np
from numpy.typing import NDArray

from kernels.response.carryover import NONE
from kernels.response.evaluate import OK, evaluate, evaluate_effort_gradient, make_workspace, prepare
from kernels.response.pareto import rank_efforts
from kernels.response.response import ResponseError, check_efforts
from kernels.response.workspace import refresh
from pipeline.forecasting.market import FutureMarket
from pipeline.models.terms import GONE, term_inputs

Floats = NDArray[np.float64]


class ResponseAhead:
    """f of H future periods as a function of their efforts, for one parameter vector.

    Carried efforts are linear in the efforts: ``carried = past + sum over s of weight[..., s, ...] u_s``.

    Parameters
    ----------
    market : FutureMarket
    theta : (P,) array
        Parameters.
    """

    def __init__(self, market: FutureMarket, theta: Floats) -> None:
        spec = market.spec
        self._market = market
        self._theta = np.ascontiguousarray(theta)
        self._shape = (len(market.efforts) + len(market.terms), market.horizon, market.firms.size)
        # Ranking and carry-over are done here, so the kernel sees efforts of single periods.
        self._spec = spec._replace(carry=np.full_like(spec.carry, NONE), ranked=np.empty(0, dtype=np.int64))
        self._work = make_workspace(self._spec, *self._shape[1:])
        self._present = np.ones(self._shape[1:], dtype=bool)
        self._column = np.full(self._theta.size, -1)
        self._no_gradient = np.empty((0, *self._shape[1:]))
        self.carries = bool((spec.carry != NONE).any())
        if self.carries:
            past = self._with_terms(market.history, market.active)
            self._past = self._carry(self._rank(past)[0], np.zeros(self._shape))
            self.weight = self._impulses()

    def evaluate(self, efforts: Floats) -> Floats:
        """Return f, shape (H, N), for efforts (K, H, N).

        Raises
        ------
        ResponseError
            f is not finite, or an effort is outside the domain of its curve.
        """
        carried, _ = self._carried(efforts)
        value = np.empty(self._shape[1:])
        prepare(self._spec, carried, self._present, self._market.duration, self._work)
        status = evaluate(
            self._spec,
            carried,
            self._present,
            self._market.duration,
            self._work,
            self._theta,
            self._column,
            value,
            self._no_gradient,
        )
        return self._checked(status, value)

    def slope(self, efforts: Floats) -> tuple[Floats, Floats]:
        """Return f, and its derivative in the firm's own carried efforts of the same period, (K, H, N).

        Where nothing carries over, that is the derivative in the efforts themselves; otherwise see `spread`.
        Terms of past and rivals' efforts are not in it.
        """
        carried, rank = self._carried(efforts)
        value, slope = np.empty(self._shape[1:]), np.empty(self._shape)
        prepare(self._spec, carried, self._present, self._market.duration, self._work)
        status = evaluate_effort_gradient(
            self._spec,
            carried,
            self._present,
            self._market.duration,
            self._work,
            self._theta,
            value,
            slope,
        )
        if not self.carries:
            slope = slope * rank
        return self._checked(status, value), self._own_slope(slope)

    def spread(self, efforts: Floats) -> Floats:
        """Return the derivative of carried efforts of period t in efforts of period s, shape (K, t, s, N)."""
        rank = self._rank(self._ahead(efforts))[1][: len(efforts)]
        if self.carries:
            return self.weight[: len(efforts)] * rank[:, np.newaxis]
        return np.eye(self._shape[1])[np.newaxis, :, :, np.newaxis] * np.ones_like(rank)[:, np.newaxis]

    def _checked(self, status: int, value: Floats) -> Floats:
        if status != OK:
            raise ResponseError(f"f of the model {self._market.model} is not finite in a period to come.")
        return value

    def _own_slope(self, slope: Floats) -> Floats:
        """Add the slopes in terms that are the firm's own efforts of the period to those of the efforts."""
        names, total = self._market.efforts, slope[: len(self._market.efforts)].copy()
        for place, term in enumerate(self._market.terms, len(names)):
            if not term.lag and term.rival is None and term.firm != GONE:
                own = slice(None) if term.firm is None else term.firm
                total[names.index(term.effort), :, own] += slope[place, :, own]
        return total

    def _with_terms(self, efforts: Floats, active: NDArray[np.bool_]) -> Floats:
        """Append the inputs of terms, (K + terms, T, N), to efforts of all periods (K, T, N)."""
        market = self._market
        if not market.terms:
            return efforts
        inputs = term_inputs(market.terms, efforts, active, market.efforts)
        return np.concatenate([efforts, np.where(active, inputs, 0.0)])

    def _ahead(self, efforts: Floats) -> Floats:
        """Append the inputs of terms to efforts of the periods to come (K, H, N); lags reach back."""
        market = self._market
        if not market.terms:
            return efforts
        whole = np.concatenate([market.history, efforts], axis=1)
        return self._with_terms(whole, np.concatenate([market.active, self._present]))[:, -self._shape[1] :]

    def _carried(self, efforts: Floats) -> tuple[Floats, Floats]:
        market = self._market
        check_efforts(market.curves, market.domains, market.efforts, efforts, None)
        ranked, rank = self._rank(self._ahead(efforts))
        if not self.carries:
            return ranked, rank
        return self._past + np.einsum("ktsn,ksn->ktn", self.weight, ranked), rank

    def _rank(self, efforts: Floats) -> tuple[Floats, Floats]:
        """Multiply efforts by the weights of their Pareto ranks; ones without ranking."""
        flat = np.array(efforts, dtype=np.float64, order="C").reshape(len(efforts), -1)
        weight = np.ones_like(flat)
        spec = self._market.spec
        if spec.ranked.size:
            rank_efforts(spec.ranked, spec.rank_weight, flat, weight)
        return flat.reshape(efforts.shape), weight.reshape(efforts.shape)

    def _carry(self, history: Floats, ahead: Floats) -> Floats:
        """Carried efforts of the periods to come, from ranked efforts of all periods."""
        market, spec = self._market, self._market.spec
        efforts = np.ascontiguousarray(np.concatenate([history, ahead], axis=1))
        active = np.concatenate([market.active, self._present])
        duration = np.concatenate([market.past_duration, market.duration])
        plain = spec._replace(ranked=np.empty(0, dtype=np.int64))
        work = make_workspace(plain, *active.shape)
        prepare(plain, efforts, active, duration, work)
        refresh(plain, duration, work, self._theta)
        return work.carried.reshape(efforts.shape)[:, -self._shape[1] :].copy()

    def _impulses(self) -> Floats:
        """Weights (K, t, s, N) of an effort of period s in the carried effort of period t."""
        n_efforts, horizon, n_firms = self._shape
        weight = np.zeros((n_efforts, horizon, horizon, n_firms))
        nothing = np.zeros((n_efforts, *self._market.history.shape[1:]))
        for s in range(horizon):
            impulse = np.zeros(self._shape)
            impulse[:, s] = 1.0
            weight[:, :, s] = self._carry(nothing, impulse)
        return weight
