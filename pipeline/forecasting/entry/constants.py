"""Constants of firms that are not in the data: like a firm, stated, or drawn from the population of firms."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.parameters import firm_parameter
from pipeline.config.sections.scenario import EntrantSection
from pipeline.errors import QueryError
from pipeline.forecasting.market import ForecastMarket

if TYPE_CHECKING:
    from pipeline.results.results import Results


@dataclass(frozen=True, eq=False)
class Constant:
    """The constant of a firm as a combination of the Q parameters that constants are made of.

    So it moves with them where they are drawn.

    Attributes
    ----------
    row : (Q,) array
        In the middle.
    turn : (Q,) array
        What is added for one unit of a deviate of Student's t; 0 where nothing is drawn.
    freedom : float
        Of that deviate.
    """

    row: Floats
    turn: Floats
    freedom: float = np.inf

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw the combination, (Q,)."""
        if not self.turn.any():
            return self.row
        return self.row + float(rng.standard_t(self.freedom)) * self.turn


@dataclass(frozen=True, slots=True)
class Spread:
    """How much constants differ among firms: a standard deviation, and its degrees of freedom."""

    deviation: float
    freedom: int


def find_constant(name: str, section: EntrantSection, market: ForecastMarket, spread: Spread) -> Constant:
    """Find the constant of an entrant.

    Notes
    -----
    Drawn, it is the mean of the firms that the market ever had, plus a deviate of the predictive distribution
    of one more firm, ``deviation sqrt(1 + 1/F) t``.

    Raises
    ------
    QueryError
        It is like a firm that is not there, or its effect is stated and the model has no constants.
    """
    design, population = market.spec.design, market.population
    assert population is not None
    count, width = population.design.shape
    nothing = np.zeros(width)
    if section.like is not None:
        return Constant(design[market.firm_index(section.like)], nothing)
    mean = population.design.mean(axis=0)
    of_one = _of_one(market, population.design - mean)
    if section.effect == "drawn":
        size = spread.deviation * np.sqrt(1.0 + 1.0 / count)
        return Constant(mean, nothing if of_one is None else size * of_one, float(max(spread.freedom, 1)))
    if section.effect != 0.0 and of_one is None:
        raise QueryError(
            f"Got the effect {section.effect:g} for the entrant {name}, but firms have no constants of their "
            f"own in the model {market.model}; expected none, or a model with firm_effects: true."
        )
    return Constant(mean if of_one is None else mean + section.effect * of_one, nothing)


def constant_spread(results: "Results", market: ForecastMarket) -> Spread:
    """Estimate how much constants differ among firms, within markets, over all markets of the sweep.

    What errors of the estimates add is taken off, as it is in this market.
    """
    population = market.population
    assert population is not None
    where = market.spec.effect_parameter
    own = population.design @ market.theta[where]
    squares, freedom = float(((own - own.mean()) ** 2).sum()), own.size - 1
    if not where.size or freedom < 1:
        return Spread(0.0, 1)
    covariance = np.nan_to_num(market.covariance[np.ix_(where, where)])
    centred = population.design - population.design.mean(axis=0)
    noise = float(np.trace(centred @ covariance @ centred.T)) / freedom
    for values in _elsewhere(results, market):
        squares += float(((values - values.mean()) ** 2).sum())
        freedom += values.size - 1
    return Spread(float(np.sqrt(max(squares / freedom - noise, 0.0))), freedom)


def _elsewhere(results: "Results", market: ForecastMarket) -> list[Floats]:
    """Constants of the firms of each other market with two or more of them."""
    tables = results.tables
    prefix = firm_parameter("")
    columns = [n for n, name in enumerate(tables.params_of(market.model)) if str(name).startswith(prefix)]
    values = np.asarray(tables.arrays(market.model)["value"][:, 0])[:, columns]
    labels = tables.labels("market").tolist()
    found = [
        row[np.isfinite(row)] for row, label in zip(values, labels, strict=True) if label != market.market
    ]
    return [row for row in found if row.size > 1]


def _of_one(market: ForecastMarket, centred: Floats) -> Floats | None:
    """Give a combination (Q,) of the parameters that comes to 1 and in which nothing common counts.

    None where the constants do not differ.
    """
    constant = centred @ market.theta[market.spec.effect_parameter]
    square = float(constant @ constant)
    return None if square <= 0.0 else np.asarray(constant @ centred / square)
