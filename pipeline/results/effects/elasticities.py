"""Elasticities of one stored fit, averaged over its periods or at one of them, with intervals."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Vector
from pipeline.errors import QueryError
from pipeline.models.effects.elasticities import INDEX, lasting_effects, long_run_effects
from pipeline.results.effects.causal_market import CausalMarket, Estimated, IntervalsBy

IMPACT, LONG_RUN = "impact", "long_run"
Horizon = int | str
"""Periods that a change has lasted, `IMPACT` (one) or `LONG_RUN`."""


def effects_of_market(
    one: CausalMarket,
    horizons: Sequence[Horizon],
    origin: int | None,
    *,
    level: float = 0.95,
    by: IntervalsBy | None = None,
) -> Estimated:
    """Estimate elasticities.

    Parameters
    ----------
    one : CausalMarket
        T periods, K efforts, N firms.
    horizons : sequence
        Of them.
    origin : int or None
        The period that the change begins in, from 1 to T (T is the one after the data, with the efforts and
        sales of the last one). None: the mean over all that leave room for the horizon within the data.
    level, by
        As in `CausalMarket.estimate`.

    Returns
    -------
    Estimated
        Arrays (H, K, N, N): by horizon, effort, firm that makes it, firm whose share it is; nan where these
        were never there together.

    Raises
    ------
    QueryError
        A horizon that is longer than the data.
    """
    known = len(one.fit.arrays.times)
    longest = max([1, *(h for h in horizons if isinstance(h, int))])
    if origin is None and longest > known - 1:
        raise QueryError(
            f"Got a horizon of {longest} periods; market {one.market} has {known}, so the mean over periods "
            f"takes at most {known - 1}. Ask for one date: efforts then go on as in the last period."
        )
    ahead = 0 if origin is None else max(0, origin + longest - known)

    prices = one.price_slopes(ahead)

    def quantities(theta: Vector) -> NDArray[np.float64]:
        course = one.course(theta, ahead)
        found = []
        for horizon in horizons:
            periods = 1 if isinstance(horizon, str) else horizon
            last = known - periods + 1
            origins = np.arange(1, last) if origin is None else np.array([origin])
            if horizon == LONG_RUN:
                values = long_run_effects(course, one.kinds, origins, prices)
            else:
                values = lasting_effects(course, one.kinds, origins, (periods,), prices)[0]
            found.append(_mean(values))
        return np.stack(found)

    return one.estimate(quantities, level, by)


def effect_unit(one: CausalMarket, horizon: Horizon, effort: int) -> str:
    """Say what an elasticity is in."""
    grows = "ln share a period" if horizon == LONG_RUN and one.returns_to_scale >= 1.0 else "ln share"
    priced = {price.effort: price.column for price in one.prices}
    name = one.fit.efforts[effort]
    per = f"1 of {name}" if one.kinds[effort] == INDEX and effort not in priced else f"ln {name}"
    if effort in priced and priced[effort] != name:
        per = f"ln {priced[effort]}"
    return f"{grows} per {per}"


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of what is known; nan where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
