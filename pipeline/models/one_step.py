"""Shares that a calibrated model forecasts: one period from any state, or on from an origin."""

import numpy as np
from numpy.typing import NDArray

from pipeline.config.parameters import JUMP_PRICE, RETURNS_TO_SCALE
from pipeline.models.market_model import MarketModel, market_data
from pipeline.models.share_equation import ShareEquation
from pipeline.panel.market import MarketArrays

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def forecast_shares(
    model: MarketModel, theta: Vector, market: MarketArrays, origin: int, initial: str, state: str
) -> Matrix | None:
    """Forecast the shares after an origin, given the efforts.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        Periods before and after the origin.
    origin : int
        Number of periods before it, at least 1.
    initial : str
        ``observed`` or ``estimated``, as fitted.
    state : str
        ``fitted``: on from the modelled shares of the last period before the origin; ``observed``: from the
        observed ones.

    Returns
    -------
    (T - origin, N) array or None
        None where the model has no shares: an effort outside the domain of its curve, f negative, or a period
        that needs too many steps.
    """
    try:
        if state == "fitted":
            share = modelled_shares(model, theta, market, initial)
            return None if share is None else share[origin:]
        return OneStep(model, theta, market).walk(origin)
    except (ValueError, ArithmeticError):
        return None


def modelled_shares(model: MarketModel, theta: Vector, market: MarketArrays, initial: str) -> Matrix | None:
    """Shares (T, N) of all periods of a market, from its first state on; None where f is negative.

    Raises
    ------
    ValueError
        An effort is outside the domain of its curve.
    """
    fitted = model.data
    data = market_data(model.prepared(market), initial, fitted.reference_sales, fitted.restart)
    model.response.check(data.efforts, data.active)
    return model.shares(theta, data)


class OneStep:
    """One period of a calibrated model from any state.

    Called with shares (B, N) and numbers of periods (B,), it gives the shares (B, N) at their ends; firms
    that enter do so at their observed share.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        All periods that a step may be asked for, and the past that carry-over reaches back to.

    Raises
    ------
    ValueError
        An effort is outside the domain of its curve, or f negative.
    """

    def __init__(self, model: MarketModel, theta: Vector, market: MarketArrays) -> None:
        data = market_data(model.prepared(market), "observed", model.data.reference_sales)
        self.market = market
        self.response = model.response.evaluate(theta, data.efforts, data.duration, data.active)
        values = dict(zip(model.names, theta.tolist(), strict=True))
        self.equation = ShareEquation(
            values[JUMP_PRICE], float(model.data.reference_sales), values[RETURNS_TO_SCALE]
        )

    def __call__(self, before: Matrix, at: NDArray[np.int64]) -> Matrix:
        """Take shares (B, N) through the periods ``at`` (B,)."""
        market, period, initial = self.market, at[:, np.newaxis], self._members(before, at)
        return self.equation.shares(
            initial, self.response[period], market.total_sales[period], market.duration[period]
        )[:, 0]

    def walk(self, origin: int) -> Matrix:
        """Shares (T - origin, N) of the periods from ``origin`` on, from the observed state before them."""
        state = self.market.share[origin - 1]
        shares = np.empty((self.market.share.shape[0] - origin, state.size))
        for place in range(len(shares)):
            state = shares[place] = self(state[None], np.array([origin + place]))[0]
        return shares

    def _members(self, before: Matrix, at: NDArray[np.int64]) -> Matrix:
        """Shares at the start of a period: who left is gone, and who enters does so at the observed share."""
        active = self.market.active[at]
        entering = active & np.isnan(before)
        entry = np.where(entering, self.market.share[at], 0.0)
        staying = np.where(active & ~entering, np.nan_to_num(before), 0.0)
        room = 1.0 - entry.sum(axis=1, keepdims=True)
        return entry + staying * room / np.maximum(staying.sum(axis=1, keepdims=True), np.finfo(float).tiny)
