"""Firms that enter after the data: a calibrated market joined by them, and what is drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import EntrantSection, Scenario
from pipeline.config.terms import Term
from pipeline.errors import QueryError
from pipeline.forecasting.efforts import EffortPlan
from pipeline.forecasting.entry.constants import Constant, Spread, constant_spread, find_constant
from pipeline.forecasting.entry.plan import entrants_plan
from pipeline.forecasting.market import ForecastMarket
from pipeline.models.terms import GONE

if TYPE_CHECKING:
    from pipeline.results.results import Results

# All entrants together leave the others this much of the market at least.
_LEFT = 1e-3


@dataclass(frozen=True, eq=False)
class Entry:
    """E firms that enter a market of N firms.

    Attributes
    ----------
    before, market : ForecastMarket
        The market without them, and with them after its own firms, at the middle of what is drawn.
    constants : tuple of Constant
    entry_shares : tuple of arrays
        Shares that each may enter with, equally likely.
    efforts : EffortPlan
        What they do.
    """

    before: ForecastMarket
    market: ForecastMarket
    constants: tuple[Constant, ...]
    entry_shares: tuple[Floats, ...]
    efforts: EffortPlan

    def joined_plan(self, plan: EffortPlan) -> EffortPlan:
        """Add what they do to a plan of the others."""
        return replace(plan, joining=self.efforts, present=self.market.present)

    def without(self, market: ForecastMarket) -> ForecastMarket:
        """Give the market without them, in the state that it has with them under some parameters."""
        known = self.before.firms.size
        return replace(
            self.before,
            share=market.share[:known],
            last_error=market.last_error[:known],
            gain=market.gain,
            autocorrelation=market.autocorrelation,
        )

    def drawn(self, market: ForecastMarket, rng: np.random.Generator) -> ForecastMarket:
        """Draw their constants and the shares that they enter with, in the market under some parameters."""
        first = self.before.firms.size
        assert market.entry_share is not None
        design, share = market.spec.design.copy(), market.entry_share.copy()
        for number, (constant, shares) in enumerate(
            zip(self.constants, self.entry_shares, strict=True), first
        ):
            design[number] = constant.draw(rng)
            share[number] = rng.choice(shares)
        share *= min(1.0, (1.0 - _LEFT) / share.sum())
        return replace(market, spec=market.spec._replace(design=design), entry_share=share)


def let_enter(results: "Results", scenario: Scenario, market: ForecastMarket, enters: Sequence[int]) -> Entry:
    """Let the entrants of a scenario into a market.

    Parameters
    ----------
    results
        Where the fits are.
    scenario : Scenario
        With E entrants.
    market : ForecastMarket
    enters : (E,) sequence of int
        Numbers of the periods to come at whose ends they have their first share, from 0.

    Raises
    ------
    QueryError
        They are like a firm that is not there, efforts are outside their domains or money buys none, nothing
        is known to draw from, or together they enter with all of the market.
    """
    sections = scenario.entrants
    drawn = any(one.like is None and one.effect == "drawn" for one in sections.values())
    spread = constant_spread(results, market) if drawn else Spread(0.0, 1)
    constants = tuple(find_constant(name, one, market, spread) for name, one in sections.items())
    stated = all(one.share != "drawn" for one in sections.values())
    seen = np.empty(0) if stated else _shares_seen(results, market)
    shares = tuple(_shares(name, one, seen) for name, one in sections.items())
    middle = np.array([float(np.exp(np.log(one).mean())) for one in shares])
    if middle.sum() > 1.0 - _LEFT:
        raise QueryError(
            f"The firms that enter market {market.market} would take {middle.sum():.4g} of it at once; "
            "expected shares that leave something to the others."
        )
    alike = [None if one.like is None else market.firm_index(one.like) for one in sections.values()]
    joined = _join(market, tuple(sections), constants, np.array(enters), middle)
    joined = replace(joined, terms=_terms_alike(market, alike))
    efforts = entrants_plan(market, sections, alike, np.array(enters), middle)
    return Entry(market, joined, constants, shares, efforts)


def _shares_seen(results: "Results", market: ForecastMarket) -> Floats:
    """Shares with which firms entered this market; where nobody ever did, all markets of the sweep."""
    assert market.population is not None
    if market.population.entry_shares.size:
        return market.population.entry_shares
    sales = results.panel()["sales"].transpose("market", "firm", "time").values
    share = sales / np.nansum(sales, axis=1, keepdims=True)
    open_from = np.argmax(np.isfinite(sales).any(axis=1), axis=1)
    first = np.argmax(np.isfinite(sales), axis=2)
    found = np.take_along_axis(share, first[:, :, np.newaxis], axis=2)[:, :, 0]
    return np.asarray(found[(first > open_from[:, np.newaxis]) & (np.nan_to_num(found) > 0.0)])


def _shares(name: str, section: EntrantSection, seen: Floats) -> Floats:
    if section.share != "drawn":
        return np.array([section.share])
    if not seen.size:
        raise QueryError(
            f"No firm entered in the data, so there is no share to draw for the entrant {name}; expected a "
            f"share > 0: entrants.{name}.share."
        )
    return seen


def _join(
    market: ForecastMarket,
    names: tuple[str, ...],
    constants: Sequence[Constant],
    enters: np.ndarray,
    shares: Floats,
) -> ForecastMarket:
    """Add E firms to a market of N, in which they have no past."""
    n_firms, count = market.firms.size, len(names)

    def wider(values: Floats, fill: float) -> Floats:
        return np.concatenate([values, np.full((*values.shape[:-1], count), fill)], axis=-1)

    def state(theta: Floats) -> tuple[Floats, Floats]:
        assert market.state is not None
        share, error = market.state(theta)
        return wider(share, 0.0), wider(error, 0.0)

    design = np.concatenate([market.spec.design, np.array([one.row for one in constants])])
    return replace(
        market,
        firms=np.array([*market.firms.tolist(), *names], dtype=object),
        spec=market.spec._replace(design=np.ascontiguousarray(design)),
        history=np.ascontiguousarray(wider(market.history, 0.0)),
        active=np.pad(market.active, ((0, 0), (0, count))),
        past_share=wider(market.past_share, np.nan),
        share=wider(market.share, 0.0),
        error_covariance=_wider_covariance(market.error_covariance, count),
        last_error=wider(market.last_error, 0.0),
        prices=tuple(replace(price, history=wider(price.history, 0.0)) for price in market.prices),
        enters=np.concatenate([np.full(n_firms, -1), enters]),
        entry_share=np.concatenate([np.zeros(n_firms), shares]),
        state=None if market.state is None else state,
    )


def _wider_covariance(covariance: Floats, count: int) -> Floats:
    """Give further firms errors of their own, as large as those of the others are.

    It stands for log shares up to a common term; with one term for all that has the right size, errors of
    equal and independent firms are independent of one another.
    """
    n_firms = len(covariance)
    own = np.diag(covariance).mean() * n_firms / (n_firms - 1)
    wide = own * np.eye(n_firms + count)
    wide[:n_firms, :n_firms] = covariance + own / n_firms
    return wide


def _terms_alike(market: ForecastMarket, alike: Sequence[int | None]) -> tuple[Term, ...]:
    """Give entrants the coefficients of the single firms that they are like."""

    def followers(firm: int | None) -> tuple[int, ...]:
        if firm is None or firm == GONE:
            return ()
        return tuple(number for number, one in enumerate(alike, market.firms.size) if one == firm)

    return tuple(replace(term, alike=followers(term.firm)) for term in market.terms)
