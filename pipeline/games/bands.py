"""How sure the outcome of a game is: parameters drawn, and rivals that do not keep to their strategies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.game import GameDraws
from pipeline.errors import ForecastError
from pipeline.forecasting.draws import draw_parameters
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.games.payoff import PayoffModel
from pipeline.results.totals.answering import reference_sales

QUANTILES = (0.05, 0.95)
# Draws tried for each one wanted, before the parameters are called too uncertain for a band.
_TRIES = 20
# Of the known periods, the stretch over which rivals are off in the long run.
_STRETCH = 0.25


@dataclass(frozen=True, eq=False)
class OutcomeBands:
    """Quantiles (2, N), at `QUANTILES`, of what each firm gets that keeps to its strategy."""

    share: Floats
    payoff: Floats


def outcome_bands(
    model: PayoffModel,
    market: ForecastMarket,
    profiles: Sequence[Floats],
    settings: GameDraws,
    rng: np.random.Generator,
    replicates: Floats | None = None,
) -> tuple[OutcomeBands, ...]:
    """Draw outcomes of profiles of strategies, all under the same luck.

    Parameters
    ----------
    model : PayoffModel
    market : ForecastMarket
        That it was set up for.
    profiles : sequence of (L, N) arrays
        Strategies.
    settings : GameDraws
    rng : Generator
    replicates : (B, P) array, optional
        Of the parameters.

    Raises
    ------
    ForecastError
        Outcomes can be computed under hardly any draw.

    Notes
    -----
    A rival is off its strategy by as much as its efforts were off their mean in some stretch of the past, the
    same for all rivals: as long as the horizon, or in the long run as a quarter of the known periods. What is
    0 cannot become less, so rivals at a bound are off to one side.
    """
    n_firms, tries = market.firms.size, 0
    found: list[list[Floats]] = []
    while len(found) < settings.draws:
        theta = draw_parameters(market, 1, rng, replicates)[0] if settings.parameters else market.theta
        off = _off(model, market, rng) if settings.efforts else np.zeros_like(profiles[0])
        try:
            response = ForecastResponse(model.response.market, theta)
            if model.steady and response.equation.returns_to_scale >= 1.0:
                raise ForecastError("In the long run one firm would take the market.")
            drawn = replace(model, response=response)
            found.append([_outcome(drawn, strategies, off, n_firms) for strategies in profiles])
        except (ValueError, ArithmeticError) as error:
            tries += 1
            if tries > _TRIES * settings.draws:
                raise ForecastError(
                    f"Outcomes could be computed under only {len(found)} of {len(found) + tries} draws; the "
                    f"last one failed: {error} Ask for no bands: --set uncertainty.draws=0."
                ) from error
    quantiles = np.quantile(np.array(found), QUANTILES, axis=0)
    return tuple(OutcomeBands(one[:, 0], one[:, 1]) for one in quantiles.transpose(1, 0, 2, 3))


def _outcome(model: PayoffModel, strategies: Floats, off: Floats, n_firms: int) -> Floats:
    """Share and payoff (2, N) of each firm while it keeps to its strategy and the others are off theirs."""
    low = np.minimum(model.space.low[:, np.newaxis], strategies)
    result = np.empty((2, n_firms))
    for firm in range(n_firms):
        played = np.maximum(strategies + off, low)
        played[:, firm] = strategies[:, firm]
        outcome = model.evaluate(played)
        result[:, firm] = outcome.share[firm], outcome.payoff[firm]
    return result


def _off(model: PayoffModel, market: ForecastMarket, rng: np.random.Generator) -> Floats:
    """Draw by how much strategies (L, N) are off."""
    known = len(market.active)
    length = max(int(_STRETCH * known), 1) if model.steady else min(market.horizon, known)
    periods = (rng.integers(known) + np.arange(length)) % known
    chosen, active = market.chosen[model.space.efforts], market.active
    mean = chosen.sum(axis=1, where=active) / np.maximum(active.sum(axis=0), 1)
    there = active[periods]
    seen = chosen[:, periods].sum(axis=1, where=there) / np.maximum(there.sum(axis=0), 1)
    off = np.where(there.any(axis=0), seen - mean, 0.0)
    sales = market.share * reference_sales(model.total).mean()
    space = model.space
    return np.asarray(off * np.where(space.buys_ratio[:, np.newaxis], sales, space.scale[:, np.newaxis]))
