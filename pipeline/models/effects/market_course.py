"""The course that a calibrated market has taken, and will take with its last efforts: shares, errors, states.

Errors are taken as what they were: under other efforts the shares of a period would have been off from the
modelled ones by the same error, and the part of it that lasts would have been carried on (`ErrorCarry`).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR
from kernels.motion.share_tangents import period_tangents
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.effects.response_tangent import EffortResponse
from pipeline.models.market_model import MarketModel
from pipeline.models.one_step import OneStep, error_carry, modelled_shares
from pipeline.panel.market import MarketArrays


def prolonged(market: MarketArrays, count: int) -> MarketArrays:
    """Let a market go on for some periods of length 1 as it is in its last one: efforts, sales, firms."""

    def more(values: np.ndarray, axis: int = 0) -> np.ndarray:
        last = np.repeat(values.take([-1], axis=axis), count, axis=axis)
        return np.concatenate([values, last], axis=axis)

    return replace(
        market,
        times=more(market.times),
        share=more(market.share),
        total_sales=more(market.total_sales),
        duration=np.concatenate([market.duration, np.ones(count)]),
        efforts=more(market.efforts, axis=1),
        active=more(market.active),
    )


class MarketMotion:
    """How a market moves under one model, from any state, under any f and errors: T periods, N firms.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        Who is there in each period, and what does not depend on the efforts.

    Attributes
    ----------
    model, theta, market
        As given.
    step : OneStep
    response : EffortResponse
    carry : ErrorCarry

    Raises
    ------
    ValueError
        An effort is outside the domain of its curve, or f negative.
    """

    def __init__(self, model: MarketModel, theta: Vector, market: MarketArrays) -> None:
        self.model, self.theta, self.market = model, theta, market
        self.step = OneStep(model, theta, market)
        self.response = EffortResponse(model, theta, market)
        self.carry = error_carry(model, theta, market)

    def carry_on(
        self, state: Matrix, origin: int, response: Cube | None, error: Cube
    ) -> tuple[Cube, Cube, Cube]:
        """Follow B courses on from states (B, N) before a period, under f and errors of their own.

        Parameters
        ----------
        state : (B, N) array
            nan for firms that are not there.
        origin : int
            First period.
        response : (B, W, N) array or None
            f of W periods; None: as at the efforts of the market.
        error : (B, W, N) array

        Returns
        -------
        modelled, share, state : (B, W, N) arrays
        """
        shape = error.shape
        modelled, share, states = np.empty(shape), np.empty(shape), np.empty(shape)
        for ahead in range(shape[1]):
            at = np.full(shape[0], origin + ahead)
            f = None if response is None else response[:, ahead]
            moving = np.broadcast_to(self.step.moving[origin + ahead], (shape[0], shape[2]))
            modelled[:, ahead] = self.step(state, at, f)
            share[:, ahead] = self.carry.seen(modelled[:, ahead], error[:, ahead], moving)
            state = self.carry.state(modelled[:, ahead], share[:, ahead], moving, origin + ahead)
            states[:, ahead] = state
        return modelled, share, states

    def tangents(
        self, before: Matrix, at: NDArray[np.int64], response: Matrix
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Differentiate ln of modelled shares at the ends of periods ``at`` (M,), from shares (M, N) before.

        Returns
        -------
        by_response, by_state : (M, N, N) arrays
            In f of a firm and in ln of the share it began with (second axis); 0 for firms that enter.
        """
        moving, start = self.step.starts(before, at)
        found = period_tangents(
            start,
            np.where(moving, response, np.nan),
            self.step.total_sales[at],
            self.step.duration[at],
            **self.step.equation._asdict(),
        )
        return found.response, found.state

    def passed_on(
        self, change: NDArray[np.float64], modelled: Matrix, share: Matrix, moving: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Take changes (M, C, N) of ln modelled shares to those of shares (M, N) with an error beside them.

        Errors of log-ratios leave log-ratios alone; those of plain shares count the less the larger a share.
        """
        weight = np.where(moving, np.nan_to_num(share), 0.0)
        if self.carry.kind != ILR:
            ratio = np.where(weight > 0.0, np.nan_to_num(modelled) / np.where(weight > 0.0, weight, 1.0), 0.0)
            change = change * ratio[:, np.newaxis]
        weight = weight / weight.sum(axis=1, keepdims=True)
        mean = np.einsum("mcn,mn->mc", change, weight)
        result: NDArray[np.float64] = np.where(moving[:, np.newaxis], change - mean[..., np.newaxis], 0.0)
        return result


class MarketCourse(MarketMotion):
    """The base course of N firms over the T periods of the data and H after them.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
    market : MarketArrays
        The T periods that the model was fitted to.
    initial : str
        ``observed`` or ``estimated``, as fitted.
    ahead : int
        H, further periods, with the efforts and sales of the last one; errors fade in them.

    Attributes
    ----------
    known : int
        T.
    share, modelled, state : (T + H, N) arrays
        Shares as observed (ahead: as expected), as modelled, and those that the next period begins at; nan
        for absent firms.
    error : (T + H, N) array
        Between modelled and observed.
    expected : (T + H, N) array
        Shares expected a period before: the modelled ones, with what is left of the last error.

    Raises
    ------
    ValueError, ArithmeticError
        Shares cannot be followed under these parameters.
    """

    def __init__(
        self, model: MarketModel, theta: Vector, market: MarketArrays, initial: str, ahead: int = 0
    ) -> None:
        super().__init__(model, theta, prolonged(market, ahead) if ahead else market)
        self.known = len(market.times)
        seen = modelled_shares(model, theta, market, initial)
        if seen is None:
            raise ValueError("f would be negative.")
        past = slice(self.known)
        moving = self.step.moving[past]
        modelled = np.where(market.active, seen, np.nan)
        error = self.carry.error(modelled, market.share, moving)
        state = np.where(market.active, self.carry.state(modelled, market.share, moving, past), np.nan)
        future = self.carry_on(state[-1][None], self.known, None, self.errors_ahead(error[-1], ahead)[None])
        self.modelled, self.share, self.state = (
            np.concatenate([values, later[0]])
            for values, later in zip((modelled, market.share, state), future, strict=True)
        )
        self.error = np.concatenate([error, self.errors_ahead(error[-1], ahead)])
        fading = np.zeros_like(self.error)
        fading[1:] = self.carry.repeated[1:, np.newaxis] * self.error[:-1]
        self.expected = self.carry.seen(self.modelled, fading, self.step.moving)

    def errors_ahead(self, last: Vector, count: int) -> Matrix:
        """Errors (count, N) expected after the data, as the last one fades."""
        fading = np.cumprod(self.carry.repeated[self.known : self.known + count])
        return fading[:, np.newaxis] * np.nan_to_num(last)

    def lasting_change(self, response: Cube, change: Cube) -> tuple[Matrix, Matrix]:
        """Follow the market on after the data under L courses of f, and differentiate along a change of them.

        Parameters
        ----------
        response, change : (L, H, N) arrays
            f, and how it changes.

        Returns
        -------
        share, change : (L, N) arrays
            At the end, and the derivatives of their logarithms.
        """
        state = np.tile(self.state[self.known - 1], (len(response), 1))
        errors = np.broadcast_to(self.error[self.known :], response.shape)
        modelled, share, states = self.carry_on(state, self.known, response, errors)
        moved = np.zeros((len(response), 1, response.shape[2]))
        for ahead in range(response.shape[1]):
            at = np.full(len(response), self.known + ahead)
            by_response, by_state = self.tangents(state, at, response[:, ahead])
            moved = moved @ by_state + change[:, ahead, np.newaxis] @ by_response
            state, last = states[:, ahead], ahead == response.shape[1] - 1
            end = share[:, ahead] if last else state
            moved = self.passed_on(moved, modelled[:, ahead], end, self.step.moving[at])
        return share[:, -1], moved[:, 0]
