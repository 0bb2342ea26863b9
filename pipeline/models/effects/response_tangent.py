"""The market function over all periods of a market, and how it changes along a change of the efforts."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from kernels.response.carryover import NONE
from kernels.response.evaluate import OK, evaluate_effort_gradient, make_workspace, prepare
from kernels.response.response import ResponseError
from pipeline.config.terms import response_terms
from pipeline.models.effects.carried import carried_inputs, ranked_inputs, single_periods
from pipeline.models.market_model import MarketModel
from pipeline.models.terms import term_inputs
from pipeline.panel.market import MarketArrays


@dataclass(frozen=True, eq=False)
class ResponsePoint:
    """The market function at some efforts: T periods, N firms, R inputs.

    Attributes
    ----------
    value : (T, N) array
        f; nan where a firm is absent.
    slope : (R, T, N) array
        Derivatives in the ranked and carried inputs of the same firm and period.
    rank : (R, T, N) array
        Weights of the Pareto ranks.
    """

    value: Matrix
    slope: Cube
    rank: Cube


class EffortResponse:
    """f of one model in one market as a function of the efforts (K, T, N) of all its periods.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        T periods; those that the model was composed for, and perhaps further ones.
    settled : bool
        f in the long run of every period's efforts: nothing carries over, and lags look at the same period.
    """

    def __init__(
        self, model: MarketModel, theta: Vector, market: MarketArrays, *, settled: bool = False
    ) -> None:
        self._efforts, self._theta = model.efforts, np.array(theta, dtype=np.float64)
        self._active = np.array(market.active)
        self._duration = np.array(market.duration, dtype=np.float64)
        spec = model.response.spec
        self._spec = single_periods(spec)._replace(ranked=spec.ranked) if settled else spec
        self._response = model.response
        self._plain = single_periods(spec)
        terms = response_terms(model.variant.response, [str(firm) for firm in market.firms.tolist()])
        self._terms = tuple(replace(term, lag=0) for term in terms) if settled else terms

    def at(self, efforts: Cube) -> ResponsePoint:
        """Evaluate f and its slopes at efforts (K, T, N).

        Raises
        ------
        kernels.response.response.ResponseError
            An effort is outside the domain of its curve, or f is not finite.
        """
        inputs = self.inputs(efforts)
        self._response.check(inputs, self._active)
        ranked, rank = ranked_inputs(self._spec, inputs)
        carried = carried_inputs(self._spec, self._theta, ranked, self._active, self._duration)
        carried = np.ascontiguousarray(carried)
        value, slope = np.empty(self._active.shape), np.empty(carried.shape)
        work = make_workspace(self._plain, *self._active.shape)
        prepare(self._plain, carried, self._active, self._duration, work)
        status = evaluate_effort_gradient(
            self._plain, carried, self._active, self._duration, work, self._theta, value, slope
        )
        if status != OK:
            raise ResponseError("The market function, or its slope in an effort, is not finite.")
        return ResponsePoint(value, slope, rank)

    def inputs(self, efforts: Cube) -> Cube:
        """Give the inputs (R, T, N) of efforts, or of a change of them: linear in them, 0 where absent."""
        plain = np.where(self._active, efforts, 0.0)
        if not self._terms:
            return plain
        further = term_inputs(
            self._terms, np.where(self._active, efforts, np.nan), self._active, self._efforts
        )
        return np.concatenate([plain, np.where(self._active, further, 0.0)])

    def along(self, point: ResponsePoint, change: Cube) -> NDArray[np.float64]:
        """Differentiate f along a change of each effort of each firm.

        Parameters
        ----------
        point : ResponsePoint
        change : (K, T, N) array
            Of all efforts; what single ones of them do is told apart here.

        Returns
        -------
        (K, N, T, N) array
            By effort, by firm that makes it, of f in each period, of each firm.
        """
        return self.along_inputs(point, self.inputs(change))

    @property
    def lasts(self) -> bool:
        """Whether efforts of one period act on f of later ones."""
        return bool((self._spec.carry != NONE).any()) or any(term.lag for term in self._terms)

    def along_shared(self, point: ResponsePoint, effort: int, weight: Cube) -> Cube:
        """Differentiate f along what each firm j does to an effort of all firms i: ``weight`` (T, i, j).

        Returns
        -------
        (j, T, N) array
            By firm that does it, of f in each period, of each firm.
        """
        change = np.zeros((len(self._efforts), *self._active.shape))
        found = np.empty((weight.shape[2], *self._active.shape))
        for maker in range(weight.shape[2]):
            change[effort] = weight[:, :, maker]
            found[maker] = self.along(point, change)[effort].sum(axis=0)
        return found

    def along_inputs(self, point: ResponsePoint, inputs: Cube) -> NDArray[np.float64]:
        """Do as `along`, for a change whose `inputs` are known already."""
        moved = carried_inputs(self._spec, self._theta, point.rank * inputs, self._active, self._duration)
        rows = point.slope * moved
        n_efforts, (n_times, n_firms) = len(self._efforts), self._active.shape
        own = rows[:n_efforts].copy()
        result = np.zeros((n_efforts, n_firms, n_times, n_firms))
        for term, row in zip(self._terms, rows[n_efforts:], strict=True):
            effort = self._efforts.index(term.effort)
            if term.rival is None:
                own[effort] += row
            else:
                result[effort, term.rival] += row
        firms = np.arange(n_firms)
        result[:, firms, :, firms] += own.transpose(2, 0, 1)
        return result
