"""A stored fit asked for causes: quantities that follow from its parameters, and how far they are known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.parameters import RETURNS_TO_SCALE
from pipeline.errors import QueryError
from pipeline.models.effects.delta import Directions, delta_errors, principal_directions
from pipeline.models.effects.market_course import MarketCourse
from pipeline.models.priors import entry_spread, prior_of, with_weak_beliefs
from pipeline.names import Label
from pipeline.results.prices.index import PriceIndex
from pipeline.results.prices.read import read_prices
from pipeline.results.results import Results
from pipeline.results.stored_fit import StoredFit, read_fit, stored_covariance, stored_replicates

IntervalsBy = Literal["replicates", "delta", "none"]
INTERVALS: tuple[IntervalsBy, ...] = get_args(IntervalsBy)

# Fewer replicates have no ends to speak of.
_FEWEST_REPLICATES = 20


@dataclass(frozen=True, eq=False)
class Estimated:
    """Quantities with intervals, arrays of one shape; nan where nothing is known."""

    value: Matrix
    stderr: Matrix
    low: Matrix
    high: Matrix
    by: IntervalsBy
    """Where intervals come from: bootstrap replicates, or the covariance of the parameters (delta method)."""


@dataclass(frozen=True, eq=False)
class CausalMarket:
    """The fit of one model to one market, and what is not known of its P parameters.

    Attributes
    ----------
    market, model : label, str
    fit : StoredFit
    kinds, units : tuple of str
        Of each effort.
    initial : str
        First shares: ``observed`` or ``estimated``, as fitted.
    unknown : Directions
        What is not known of the parameters: the covariance that forecasts draw from, completed.
    replicates : (B, P) array
        B = 0 without any.
    prices : tuple of PriceIndex
        Efforts that are indices of a price that firms set.
    """

    market: Label
    model: str
    fit: StoredFit
    kinds: tuple[str, ...]
    units: tuple[str, ...]
    initial: str
    unknown: Directions
    replicates: Matrix
    prices: tuple[PriceIndex, ...] = ()

    def price_slopes(self, ahead: int = 0) -> dict[int, Cube]:
        """Differentiate indices in the logarithms of prices, (T + ahead, i, j) by effort.

        After the data they are those of the last period.
        """
        found = {}
        for price in self.prices:
            slope = price.past_slope(self.fit.arrays.active)
            found[price.effort] = np.concatenate([slope, np.repeat(slope[-1:], ahead, axis=0)])
        return found

    @property
    def returns_to_scale(self) -> float:
        """Estimate of γ."""
        return float(self.fit.theta[self.fit.problem.names.index(RETURNS_TO_SCALE)])

    def course(self, theta: Vector | None = None, ahead: int = 0) -> MarketCourse:
        """Give the course of the market under parameters (by default the estimates); see `MarketCourse`."""
        fit = self.fit
        return MarketCourse(
            fit.problem, fit.theta if theta is None else theta, fit.arrays, self.initial, ahead
        )

    def estimate(
        self, quantities: Callable[[Vector], Matrix], level: float, by: IntervalsBy | None = None
    ) -> Estimated:
        """Evaluate quantities at the estimates, and find intervals for them.

        Parameters
        ----------
        quantities : callable
            Takes parameters (P,) to an array; it may raise where they have no shares.
        level : float
            Probability of the intervals.
        by : str, optional
            ``replicates``, ``delta`` or ``none``; by default replicates where there are enough, else delta.

        Raises
        ------
        QueryError
            Nothing follows from the estimates themselves; or replicates are asked for and there are none.
        """
        problem, theta = self.fit.problem, self.fit.theta
        try:
            value = quantities(theta)
        except (ValueError, ArithmeticError) as error:
            raise QueryError(
                f"Market {self.market}, model {self.model}: shares cannot be followed. {error}"
            ) from error
        enough = len(self.replicates) >= _FEWEST_REPLICATES
        if by == "replicates" and not enough:
            raise QueryError(
                f"Market {self.market}, model {self.model} has {len(self.replicates)} bootstrap replicates; "
                f"intervals take {_FEWEST_REPLICATES}. Set `uncertainty: {{bootstrap: 200}}` in the study, "
                "or take the intervals of the delta method."
            )
        unknown = np.full(value.shape, np.nan)
        if by == "none":
            return Estimated(value, unknown, unknown, unknown, by)
        if by == "replicates" or (by is None and enough):
            return _between(value, [quantities(one) for one in self.replicates], level)
        stderr = delta_errors(quantities, theta, self.unknown, (problem.lower, problem.upper))
        half = float(special.ndtri(0.5 + 0.5 * level)) * stderr
        return Estimated(value, stderr, value - half, value + half, "delta")


def _between(value: Matrix, found: list[Matrix], level: float) -> Estimated:
    values = np.stack(found)
    low, high = np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
    return Estimated(value, values.std(axis=0, ddof=1), low, high, "replicates")


def read_causal_market(results: Results, market: Label, model: str) -> CausalMarket:
    """Read a fit that is asked for causes.

    Raises
    ------
    QueryError
        No such model, or no usable fit; fewer than two periods.
    """
    fit = read_fit(results, market, model)
    market = fit.arrays.market
    if len(fit.arrays.times) < 2:
        raise QueryError(f"Market {market} has a single period: nothing has moved in it.")
    problem, priors = fit.problem, results.study.fit.priors
    rho, common = problem.autocorrelation(fit.theta), problem.common_row(fit.theta)
    spread = entry_spread(problem.data, problem.error_shape, rho, common)
    prior = prior_of(problem.names, priors)
    believed = with_weak_beliefs(prior, problem.names, problem.start, problem.vary, spread)
    covariance = stored_covariance(results, fit, model)
    return CausalMarket(
        market=market,
        model=model,
        fit=fit,
        kinds=fit.effort_labels("kind", "index"),
        units=fit.effort_labels("unit", "1"),
        initial=results.study.fit.initial,
        unknown=principal_directions(problem, fit.theta, covariance, believed),
        replicates=stored_replicates(results, market, model, fit.problem.names),
        prices=read_prices(
            results.study, results.panel(), fit.arrays, np.ones(fit.arrays.firms.size, dtype=bool)
        ),
    )
