"""How much a proposed study does: forecasts that fit its length, and as many markets as fit into a minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kernels.numeric.spread import evenly_spread
from pipeline.config.study import Study
from pipeline.executors.worker import count_workers
from pipeline.panel.panel import Panel
from pipeline.panel.time_axis import TimeAxis

SECONDS = 20.0
"""What a proposed study may take by the estimate of `beed check`, which leaves out start and tables."""
_SERIAL = 12.0
"""Seconds up to which starting worker processes is not worth it."""
_FEWEST_MARKETS = 3
_MOST_LISTED = 24
_HORIZONS = {"day": 7, "week": 4, "month": 3, "quarter": 2, "year": 1}
# Fewer starts, forecasts and forms, in this order, until few markets fit into the time.
_ECONOMIES: tuple[dict[str, Any], ...] = (
    {},
    {"starts": 2},
    {"origins": 3},
    {"forms": ("investment", "scaled")},
    {"forms": ("investment",)},
    {"starts": 1},
    {"origins": 0},
)


@dataclass(frozen=True)
class Scale:
    """How much a study does.

    Attributes
    ----------
    forms : tuple of str
        Of the equation.
    starts : int
        Of every fit.
    origins, horizon : int
        Forecasts, and how far they reach; no origins for none.
    serial : bool
        Whether one process does it all.
    markets : tuple
        Labels of the markets used; empty for all.
    of_markets : int
        How many there are.
    seconds, all_seconds : float
        Estimated for the markets used, and for all.
    """

    forms: tuple[str, ...] = ("investment", "scaled", "proportional")
    starts: int = 4
    origins: int = 0
    horizon: int = 1
    serial: bool = False
    markets: tuple[Any, ...] = ()
    of_markets: int = 1
    seconds: float = 0.0
    all_seconds: float = 0.0


def scale_for(axis: TimeAxis) -> Scale:
    """Fit rolling forecasts into the last third of the periods; none into fewer than nine."""
    periods = axis.times.size
    horizon = max(min(_HORIZONS.get(axis.unit, 4 if periods >= 48 else 1), periods // 12), 1)
    origins = min(periods // (3 * horizon), 6)
    return Scale(origins=origins if origins >= 3 else 0, horizon=horizon)


def fit_into_time(scale: Scale, study_of: Callable[[Scale], Study], panel: Panel) -> Scale:
    """Reduce a study until it runs in `SECONDS`, estimated as `beed check` does.

    Parameters
    ----------
    scale : Scale
        What it would do.
    study_of : callable
        Makes the study of a scale.
    panel : Panel
        Its panel, with all markets.
    """
    # Here, because they would lengthen the chain of imports.
    from pipeline.sweep.before.trial import estimate
    from pipeline.sweep.calibrator import default_calibrator
    from pipeline.sweep.coordinator import plan_study

    study = study_of(scale)
    plan = plan_study(study, panel, check=False)
    # In processor time: what else the computer does at the moment is no property of the study.
    factor = estimate(study, panel, plan, default_calibrator(), time.process_time).factor
    workers = max(count_workers(study.cluster), 1)
    few = min(_FEWEST_MARKETS, panel.markets.size)
    for economy in _ECONOMIES:
        scale = replace(scale, **{key: _less(scale, key, value) for key, value in economy.items()})
        plan = plan_study(study_of(scale), panel, check=False)
        seconds = plan.seconds * factor
        per_market = seconds / panel.markets.size
        if per_market * few / min(workers, few) <= SECONDS:
            break
    scale = replace(
        scale, of_markets=panel.markets.size, seconds=seconds / workers, all_seconds=seconds / workers
    )
    if seconds <= _SERIAL:
        return replace(scale, serial=True, seconds=seconds, all_seconds=seconds)
    if scale.seconds <= SECONDS or panel.markets.size <= few:
        return scale
    room = int(np.clip(SECONDS * workers / per_market, few, _MOST_LISTED))
    if room >= panel.markets.size:
        return scale
    chosen = tuple(panel.markets[list(evenly_spread(panel.markets.size, room))].tolist())
    return replace(scale, markets=chosen, seconds=per_market * room / workers)


def _less(scale: Scale, key: str, value: Any) -> Any:
    return value if key == "forms" else min(getattr(scale, key), value)
