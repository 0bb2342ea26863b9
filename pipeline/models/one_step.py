"""Shares that a calibrated model forecasts: one period from any state, or on from an origin."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.entries import enter_shares, entering_firms
from kernels.least_squares.market import MarketData, moving_firms
from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.parameters import JUMP_PRICE, RETURNS_TO_SCALE
from pipeline.models.adjustment import adjustment_rate
from pipeline.models.errors.error_carry import ErrorCarry
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.market_data import market_data
from pipeline.models.market_model import MarketModel
from pipeline.models.share_equation import ShareEquation
from pipeline.panel.market import MarketArrays


def forecast_shares(
    model: MarketModel, theta: Vector, market: MarketArrays, origin: int, initial: str, state: str
) -> Matrix | None:
    """Forecast the shares after an origin, given the efforts.

    Parameters
    ----------
    model : MarketModel
        Composed for the periods before the origin.
    theta : (P,) array
    market : MarketArrays
        Periods before and after the origin.
    origin : int
        Number of periods before it, at least 1.
    initial : str
        ``observed`` or ``estimated``, as fitted.
    state : str
        ``fitted``: on from the modelled shares of the last period before the origin, corrected by the gain;
        ``observed``: from the observed ones.

    Returns
    -------
    (T - origin, N) array or None
        None where the model has no shares: an effort outside the domain of its curve, f negative, or a period
        that needs too many steps.
    """
    try:
        if state == "fitted":
            share = modelled_shares(model, theta, market, initial)
            return None if share is None else expected_ahead(model, theta, market, share, origin)
        step = OneStep(model, theta, market)
        return step.walk(step.share[origin - 1], origin)
    except (ValueError, ArithmeticError):
        return None


def modelled_shares(model: MarketModel, theta: Vector, market: MarketArrays, initial: str) -> Matrix | None:
    """Shares (T, N) of all periods of a market, from its first state on; None where f is negative.

    Those after the periods that the model was composed for go on from the last corrected state.

    Raises
    ------
    ValueError
        An effort is outside the domain of its curve.
    """
    data = later_periods(model, market, initial)
    model.response.check(data.efforts, data.active)
    return model.shares(theta, data)


def error_carry(
    model: MarketModel, theta: Vector, market: MarketArrays, gain: float | Matrix | None = None
) -> ErrorCarry:
    """Give how errors go on under a parameter vector, for all periods of a market.

    Under another gain, or several (D, 1), where they are given.
    """
    gain = model.gain(theta) if gain is None else gain
    lengths = period_lengths(model, theta, market, needed=bool(np.any(gain)))
    moving, rho = moving_firms(market.active), model.autocorrelation(theta)
    return ErrorCarry.over(gain, rho, model.data.kind, moving, market.duration, lengths)


def period_lengths(
    model: MarketModel, theta: Vector, market: MarketArrays | MarketData, *, needed: bool = True
) -> PeriodLengths:
    """Give the lengths of the periods of a market, and how far shares adjust in them.

    The latter only where it is needed: they differ in length, and something lasts.
    """
    length = market.duration / model.data.unit
    lengths = PeriodLengths(length, np.zeros_like(length), model.data.first)
    if not (needed and lengths.uneven):
        return lengths
    return replace(lengths, pull=OneStep(model, theta, market).pull(len(model.data.active)))


def expected_ahead(
    model: MarketModel, theta: Vector, market: MarketArrays, share: Matrix, origin: int
) -> Matrix:
    """Shares (T - origin, N) expected after an origin, as the error of the last period before it fades.

    Parameters
    ----------
    model : MarketModel
        Composed for the periods before the origin.
    theta : (P,) array
    market : MarketArrays
    share : (T, N) array
        From `modelled_shares`: those after the origin go on from the corrected state, without that error.
    origin : int
    """
    if model.autocorrelation(theta) == 0.0:
        return share[origin:]
    carry, last = error_carry(model, theta, market), slice(origin - 1, origin)
    moving = moving_firms(market.active)[last]
    error = carry.error(share[last], market.share[last], moving)[0]
    state = carry.state(share[last], market.share[last], moving, last)[0]
    return OneStep(model, theta, market).walk(state, origin, carry, error)


def later_periods(model: MarketModel, market: MarketArrays, initial: str) -> MarketData:
    """Arrange a market for the kernels beyond the periods that a model was composed for."""
    fitted = model.data
    corrected = fitted.corrected + 1 if fitted.corrected else 0
    prepared, scale, kind = model.prepared(market), fitted.reference_sales, fitted.kind
    data = market_data(prepared, initial, scale, kind, corrected, entries=fitted.entries)
    return data._replace(unit=fitted.unit)


def shares_of_all_periods(
    model: MarketModel, theta: Vector, market: MarketArrays, initial: str
) -> Matrix | None:
    """Model the shares (T, N) of all periods; of the fitted ones alone where those ahead cannot be evaluated.

    Parameters
    ----------
    model : MarketModel
        Composed for the first periods of the market, or for all.
    theta : (P,) array
    market : MarketArrays
        All periods.
    initial : str
        Key ``fit.initial`` of the study.

    Returns
    -------
    (T, N) array or None
        nan in periods that cannot be evaluated; None where none can.
    """
    if len(market.times) == len(model.data.active):
        return model.shares(theta)
    share = model.shares(theta, later_periods(model, market, initial))
    if share is not None:
        return share
    fitted = model.shares(theta)
    if fitted is None:
        return None
    ahead = np.full((len(market.times) - len(fitted), fitted.shape[1]), np.nan)
    return np.concatenate([fitted, ahead])


def _entered(model: MarketModel, theta: Vector, active: NDArray[np.bool_], share: Matrix) -> Matrix:
    """Give observed shares (T, N), where firms enter those that the next period begins at."""
    fitted = model.data
    if fitted.entries == 0:
        return share
    corrected = fitted.corrected + 1 if fitted.corrected else 0
    found, error = np.zeros(share.shape), np.ascontiguousarray(theta[model.entries])
    enter_shares(active, np.nan_to_num(share), fitted.entries, corrected, error, model.gain(theta), found)
    return np.where(entering_firms(active), found, share)


class OneStep:
    """One period of a calibrated model from any state.

    Called with shares (B, N), nan for firms that are not there, and numbers of periods (B,), it gives the
    shares (B, N) at their ends; a firm that enters in a period has its observed share at its end, or the one
    that the model takes it to have entered with, and the others are scaled to make room.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays or MarketData
        All periods that a step may be asked for, and the past that carry-over reaches back to; as data of the
        kernels with the inputs of all terms.

    Attributes
    ----------
    active, moving : (T, N) arrays of bool
        Who is there, and who moves through each period.
    share : (T, N) array
        Observed shares, nan for absent firms.

    Raises
    ------
    ValueError
        An effort is outside the domain of its curve, or f negative.
    """

    def __init__(self, model: MarketModel, theta: Vector, market: MarketArrays | MarketData) -> None:
        scale = float(model.data.reference_sales)
        if isinstance(market, MarketArrays):
            data = market_data(model.prepared(market), "observed", scale, model.data.kind)
        else:
            data = market
        self.active = data.active
        self.moving = moving_firms(data.active)
        self.share = np.where(data.active, data.share, np.nan)
        self._entered = _entered(model, theta, self.active, self.share)
        self.response = model.response.evaluate(theta, data.efforts, data.duration, data.active)
        self.total_sales, self.duration = data.total_sales, data.duration
        values = dict(zip(model.names, theta.tolist(), strict=True))
        self.equation = ShareEquation(values[JUMP_PRICE], scale, values[RETURNS_TO_SCALE])

    def __call__(self, before: Matrix, at: NDArray[np.int64], response: Matrix | None = None) -> Matrix:
        """Take shares (B, N) through the periods ``at`` (B,), under other f (B, N) where they are given."""
        moving, start = self.starts(before, at)
        period = at[:, np.newaxis]
        f = self.response[period] if response is None else response[:, np.newaxis]
        shares = self.equation.shares(
            start,
            np.where(moving[:, np.newaxis], f, np.nan),
            self.total_sales[period],
            self.duration[period],
        )[:, 0]
        return self.admitted(shares, moving, at)

    def starts(self, before: Matrix, at: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Matrix]:
        """Tell who moves through the periods ``at`` (B,), and from which shares; both (B, N)."""
        active, seen = self.active[at], self._entered[at]
        moving = active & ~np.isnan(before)
        # Where nobody stayed, the market is shared out among those who enter.
        moving = np.where(moving.any(axis=1, keepdims=True), moving, active)
        start = np.where(moving, np.where(np.isnan(before), seen, before), 0.0)
        return moving, start / start.sum(axis=1, keepdims=True)

    def admitted(self, shares: Matrix, moving: NDArray[np.bool_], at: NDArray[np.int64]) -> Matrix:
        """Let those who enter in a period into the shares (B, N) of those who moved through it."""
        entering = self.active[at] & ~moving
        seen = self._entered[at]
        entry = np.where(entering, seen, 0.0)
        return np.where(entering, seen, shares * (1.0 - entry.sum(axis=1, keepdims=True)))

    def pull(self, known: int) -> Vector:
        """Tell how far deviations of shares fade in each period, (T,).

        As fast as at the observed shares; beyond the first ``known`` periods, at the last of these.
        """
        share = self.share.copy()
        share[known:] = share[known - 1]
        share = np.where(self.moving, share, np.nan)
        share /= np.nansum(share, axis=1, keepdims=True)
        rate = adjustment_rate(
            np.where(self.moving, self.response, np.nan),
            share,
            self.total_sales,
            jump_price=self.equation.jump_price,
            returns_to_scale=self.equation.returns_to_scale,
            reference_sales=self.equation.reference_sales,
        )
        return rate * self.duration

    def walk(
        self, state: Vector, origin: int, carry: ErrorCarry | None = None, error: Vector | None = None
    ) -> Matrix:
        """Shares (T - origin, N) of the periods from ``origin`` on, from the state (N,) before them.

        With the error (N,) of the last period before, they are those expected as it fades.
        """
        shares = np.empty((self.share.shape[0] - origin, state.size))
        repeated = np.empty(0) if carry is None else carry.repeated
        for ahead in range(len(shares)):
            modelled = self(state[None], np.array([origin + ahead]))
            if carry is None or error is None:
                state = shares[ahead] = modelled[0]
                continue
            moving = self.moving[origin + ahead]
            error = repeated[origin + ahead] * error
            seen = carry.seen(modelled, error[None], moving)
            shares[ahead], state = seen[0], carry.state(modelled, seen, moving, origin + ahead)[0]
        return shares
