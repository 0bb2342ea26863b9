"""How long a sweep will take, from a handful of its fits that are really made."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.numeric.spread import evenly_spread
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.executors.worker import call_by_name, one_blas_thread
from pipeline.panel.panel import Panel
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.plan import Plan

if TYPE_CHECKING:
    import xarray as xr

#: Calibrations tried: of models spread over the study, each in another market.
TRIALS = 5
#: Seconds after which no further one is begun.
LONGEST = 20.0
#: Seconds above which loading compiled code was compiling it.
_COMPILED = 5.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was measured.

    Attributes
    ----------
    seconds
        Of all fits, on one core.
    fits
        Made for it; their results are not kept.
    compiled
        Seconds that compilation took; 0 when the code was there. It is kept, and need not be done again.
    factor
        Measured time over that of the rule of thumb.
    """

    seconds: float
    fits: int
    compiled: float
    factor: float = 1.0


def estimate(
    study: Study,
    panel: Panel,
    plan: Plan,
    calibrator: Calibrator,
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Make a few fits of a study and count up to all of them.

    The rule of thumb of `pipeline.sweep.before.cost` says how models compare with each other; what is
    measured says how long they take: here, on this computer, with these data.

    Parameters
    ----------
    study, panel, plan
        What would be run.
    calibrator
        How models are calibrated.
    clock
        Gives the time in seconds.
    """
    began = clock()
    if calibrator.precompile is not None:
        call_by_name(calibrator.precompile)
    loading = clock() - began
    windows = len(plan.layout.windows)
    models = [model for model in plan.models if model.variant.pooled_from is None] or list(plan.models)
    chosen = [models[index] for index in evenly_spread(len(models), TRIALS)]
    markets = [panel.markets[index] for index in evenly_spread(plan.n_markets, len(chosen))]
    measured = guessed = 0.0
    made = 0
    with one_blas_thread():
        for position, model in enumerate(chosen):
            if made and measured > LONGEST:
                break
            block = panel.load([np.asarray(markets)[position % len(markets)].item()])
            start = clock()
            if model.variant.pooled_from is None:
                calibrator.calibrate(block, model.variant, study, **_further(study, model.variant, block))
            measured += clock() - start
            guessed += model.seconds_per_fit * windows
            made += windows
    # The mean over models of different size: a ratio of sums, not a mean of ratios.
    factor = measured / guessed if measured and guessed else 1.0
    return Estimate(plan.seconds * factor, made, loading if loading > _COMPILED else 0.0, factor)


def _further(study: Study, variant: Variant, block: "xr.Dataset") -> dict[str, Any]:
    """Pool first stages over the markets at hand, if a model wants them pooled: the work is the same."""
    if not variant.pooled_stages_under(study.fit):
        return {}
    from pipeline.sweep.first_stages import pool_first_stages

    return {"first_stages": pool_first_stages(study, [variant], [block])[variant.name]}
