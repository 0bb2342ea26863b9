"""Aiming higher than the target, so that it is reached with a wanted chance."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.planning.chance import Futures
    from pipeline.planning.planner import Solution


_ROUNDS = 12
# How far above the target, in log-odds, the assured share may be: no plan is followed more sharply.
_NEAR = 1e-7
_LARGEST_SHARE = 1.0 - 1e-6


def aim_for(
    solve: "Callable[[float], Solution]",
    futures: "Futures",
    target: float,
    probability: float,
    deadline: int,
) -> "Solution":
    """Find the plan under which the target is reached with a probability, and not more.

    Parameters
    ----------
    solve
        Plans the way to a share; to the nearest that can be reached, where it cannot.
    futures : Futures
    target : float
    probability : float
        In (0, 1).
    deadline : int
        Period at the end of which the share counts.

    Returns
    -------
    Solution
        The most that can be done, with its bounds in the way, where even that has not this chance.
    """
    wanted = _log_odds(target)

    def gap(plan: "Solution") -> tuple[float, float]:
        """How far the assured share, and the one that one future fewer reaches, are above the target."""
        assured, next_one = futures.assured(plan.own, probability, deadline)
        return _log_odds(assured) - wanted, _log_odds(next_one) - _log_odds(assured)

    most = solve(_LARGEST_SHARE)
    above, _ = gap(most)
    if above < 0.0:
        return most
    low, high = (-np.inf, 0.0), (_log_odds(most.reached), above)
    best, aim = most, wanted
    for _ in range(_ROUNDS):
        plan = solve(_share(aim))
        above, step = gap(plan)
        if above >= 0.0:
            best = plan
            if above <= max(step, _NEAR):
                break
        low, high = ((aim, above), high) if above < 0.0 else (low, (aim, above))
        aim = _between(low, high)
    return best


def _between(low: tuple[float, float], high: tuple[float, float]) -> float:
    """Aim between one that is too low, if one is known, and one that is too high: (log-odds, gap) each."""
    if not np.isfinite(low[0]):
        return high[0] - high[1]
    part = -low[1] / (high[1] - low[1])
    return low[0] + float(np.clip(part, 0.1, 0.9)) * (high[0] - low[0])


def _log_odds(share: float) -> float:
    share = min(max(share, 1e-12), 1.0 - 1e-12)
    return float(np.log(share / (1.0 - share)))


def _share(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))
