"""What firms do that enter after the data."""

from collections.abc import Mapping, Sequence

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import EntrantSection
from pipeline.forecasting.efforts import EffortPlan, refuse_index, within_domain
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.periods import one_per_period
from pipeline.forecasting.reactions import Reaction


def entrants_plan(
    market: ForecastMarket,
    sections: Mapping[str, EntrantSection],
    alike: Sequence[int | None],
    enters: np.ndarray,
    shares: Floats,
) -> EffortPlan:
    """Arrange the efforts of E entrants into a market.

    Parameters
    ----------
    market : ForecastMarket
        Without them.
    sections : mapping of str to EntrantSection
    alike : sequence of int or None
        Positions of the firms that they are like.
    enters, shares : (E,) arrays
        Numbers of the periods in which they enter, and the shares at their ends.

    Raises
    ------
    QueryError
        A list of another length than the horizon, money for an index, or an effort outside the domain of its
        curve.
    """
    shape = (len(market.efforts), market.horizon, len(sections))
    value, budget = np.zeros(shape), np.full(shape, np.nan)
    is_ratio = np.array([kind == "ratio" for kind in market.kinds])
    for number, (name, section) in enumerate(sections.items()):
        model, start = alike[number], int(enters[number])
        if model is not None:
            value[:, :, number] = market.chosen[:, -1:, model]
        for label, choice in section.efforts.items():
            effort = market.efforts.index(label)
            where = f"the entrant {name}, effort {label}"
            what = f"values for {where}"
            if choice.value is not None:
                given = one_per_period(choice.value, market.horizon, what)
                value[effort, :, number] = within_domain(given, market, effort, where)
                continue
            assert choice.budget is not None
            refuse_index(market, effort, where)
            money = one_per_period(choice.budget, market.horizon, what)
            budget[effort, start:, number] = money[start:]
            # Not there yet, it does what its money will buy in the beginning.
            sales = shares[number] * market.past_sales[-1] if is_ratio[effort] else market.reference_sales
            value[effort, :, number] = money[start] / sales
        value[:, :start, number] = value[:, start : start + 1, number]
    held = Reaction(
        kind="hold",
        planned=np.ones((shape[0], shape[2]), dtype=bool),
        base=value,
        before=value[:, 0],
        rule=None,
        floor=np.array([domain.minimum for domain in market.domains]),
    )
    return EffortPlan(value, budget, is_ratio, market.reference_sales, held)
