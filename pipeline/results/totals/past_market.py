"""The marketing pressure of the known periods of a market, and what it is weighted by."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from kernels.response.evaluate import OK, evaluate, make_workspace, prepare
from pipeline.errors import QueryError
from pipeline.models.terms import term_inputs
from pipeline.names import Label
from pipeline.results.totals.pressure import Pressure


class PastMarket(Protocol):
    """The known periods of a market under one model: T periods, N firms, K efforts.

    What attributes are is said in `pipeline.forecasting.market.ForecastMarket`, which is one.
    """

    @property
    def market(self) -> Label:
        """Its label."""

    @property
    def model(self) -> str:
        """The model fitted to it."""

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names (K)."""

    @property
    def frequency(self) -> str:
        """What one period is."""

    @property
    def past_sales(self) -> Floats:
        """Sales of the market (T,), currency per period."""

    @property
    def past_period(self) -> np.ndarray:
        """Numbers of the periods (T,)."""

    @property
    def past_share(self) -> Floats:
        """Observed shares (T, N); nan where absent."""

    @property
    def past_duration(self) -> Floats:
        """Lengths of the periods (T,)."""

    @property
    def active(self) -> NDArray[np.bool_]:
        """Who is there (T, N)."""

    @property
    def history(self) -> Floats:
        """Efforts (K, T, N); 0 where absent."""

    @property
    def chosen(self) -> Floats:
        """What firms set (K, T, N): prices in place of their indices."""

    @property
    def prices(self) -> Any:
        """Efforts that are indices of a price: things with an ``effort``."""

    @property
    def terms(self) -> Any:
        """Further inputs of f."""

    @property
    def spec(self) -> Any:
        """The market function, as the kernels take it."""

    @property
    def theta(self) -> Floats:
        """Parameters (P,)."""

    def equation(self, theta: Floats) -> Any:
        """Give the equation of motion under parameters (P,)."""


def pressure_of(market: PastMarket, names: tuple[str, ...] | None) -> tuple[Pressure, Floats]:
    """Find the pressure in the known periods of a market.

    Parameters
    ----------
    market : PastMarket
    names : tuple of str or None
        Efforts; None for f of the model.

    Returns
    -------
    Pressure, (T, J) array of its series

    Raises
    ------
    QueryError
        An effort that the market does not have, one that never varied, or f that has no logarithm.
    """
    for name in names or ():
        if name not in market.efforts:
            raise QueryError(
                f"total_sales.efforts names {name}; expected efforts of the study: "
                f"{', '.join(market.efforts)}."
            )
    index = np.array([market.efforts.index(name) for name in names or ()], dtype=np.intp)
    logarithm = not names and market.equation(market.theta).returns_to_scale != 1.0
    width = max(index.size, 1)
    priced = np.isin(index, [price.effort for price in market.prices])
    plain = Pressure(tuple(names or ()), index, priced, logarithm, np.zeros(width), np.ones(width))
    raw = plain.raw(past_weights(market), market.chosen, past_response(market, needed=not index.size))
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    found = replace(plain, centre=centre, scale=scale)
    if not np.isfinite(raw).all():
        raise QueryError(
            f"Total sales cannot answer to f of {market.model} in market {market.market}: in some period "
            "the share-weighted f is not above 0. Name efforts instead: total_sales.efforts."
        )
    still = [label for label, size in zip(found.labels, scale, strict=True) if size < 1e-12]
    if still:
        raise QueryError(
            f"Total sales of market {market.market} cannot answer to {', '.join(still)}: weighted by share "
            "it is the same in all periods. Leave it out of total_sales.efforts."
        )
    return found, (raw - centre) / scale


def past_weights(market: PastMarket, held_from: int | None = None) -> Floats:
    """Shares (T, N) before each known period, among the firms that are there in it.

    A firm that enters counts by its first share. From period ``held_from`` on the shares before it stay.
    """
    share = market.past_share
    before = np.concatenate([share[:1], share[:-1]])
    if held_from is not None:
        before[held_from:] = before[held_from]
    weight = np.where(np.isnan(before), share, before)
    weight = np.where(market.active, np.nan_to_num(weight), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    even = market.active / np.maximum(market.active.sum(axis=1, keepdims=True), 1)
    return np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), even)


def past_response(market: PastMarket, *, needed: bool = True) -> Floats:
    """Return f (T, N) of the known periods at the estimates; 0 for absent firms, or where not needed."""
    value = np.zeros(market.active.shape)
    if not needed:
        return value
    efforts = market.history
    if market.terms:
        inputs = term_inputs(market.terms, efforts, market.active, market.efforts)
        efforts = np.concatenate([efforts, np.where(market.active, inputs, 0.0)])
    efforts = np.ascontiguousarray(efforts)
    active, duration = np.ascontiguousarray(market.active), np.ascontiguousarray(market.past_duration)
    work, theta = make_workspace(market.spec, *active.shape), np.ascontiguousarray(market.theta)
    prepare(market.spec, efforts, active, duration, work)
    column, no_gradient = np.full(theta.size, -1), np.empty((0, *active.shape))
    if evaluate(market.spec, efforts, active, duration, work, theta, column, value, no_gradient) != OK:
        raise QueryError(
            f"f of {market.model} is not finite in a past period of market {market.market}, so total sales "
            "cannot answer to it; name efforts: total_sales.efforts."
        )
    return np.asarray(np.nan_to_num(value))
