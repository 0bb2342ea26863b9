"""Where the time of calibrations goes: processor time by stage, compiled code and Python apart.

The standard problem of `sweep` with the defaults of a study, in one process from the study to the store; then
the same sweep on two workers of dask, in wall time. Functions of the pipeline are replaced by ones that read
the clock: a stage does not count those that it calls and that have a row of their own.
"""

import contextlib
import importlib
import tempfile
import time
from unittest import mock

import numpy as np
from sweep import run_standard

from pipeline.executors.worker import one_blas_thread

N_MARKETS = 40
FORMS = ("investment", "proportional", "scaled")

# Stage: the functions that make it, where they are looked up.
_STAGES = {
    "composing": ("pipeline.fitting.calibrate:build_model",),
    "screening": ("pipeline.fitting.calibrate:sample_starts", "pipeline.fitting.calibrate:screen_together"),
    "weights of beliefs": ("pipeline.fitting.calibrate:settle_together",),
    "reported fit": ("pipeline.fitting.calibrate:polish", "pipeline.fitting.calibrate:polish_compiled"),
    "edge of f": ("pipeline.fitting.calibrate:edge_parameters", "pipeline.fitting.calibrate:follow_edge"),
    "noise, criteria": (
        "pipeline.fitting.calibrate:fit_weighted",
        "pipeline.fitting.calibrate:ending_of",
        "pipeline.fitting.calibrate:record_of",
    ),
    "intervals but profiles": ("pipeline.fitting.calibrate:assess_together",),
    "profiles": ("pipeline.fitting.uncertainty.assess:profile_intervals",),
    "serial correlation": ("pipeline.fitting.uncertainty.assessed_fit:measure_serial_correlations",),
    "checks of residuals": ("pipeline.fitting.uncertainty.assessed_fit:check_residuals_together",),
    "rest of a fit": ("pipeline.sweep.fit_block:pose", "pipeline.sweep.fit_block:calibrate_together"),
    "arrays of a block": ("pipeline.sweep.fit_block:calibrate_block",),
    "store": (
        "pipeline.sweep.task_runner:write_chunk",
        "pipeline.sweep.task_runner:open_panel",
        "pipeline.sweep.task_runner:loaded",
    ),
}
_KERNELS = (
    "pipeline.models.market_model:fit_batch",
    "pipeline.fitting.search.many_models:fit_batch",
    "pipeline.models.market_model:residual_jacobian",
    "pipeline.models.market_model:simulate_market",
)
_FITS = tuple(stage for stage in _STAGES if stage not in ("arrays of a block", "store"))


class Meter:
    """Processor seconds by stage, in compiled code and outside of it."""

    def __init__(self):
        self.seconds = {}
        self._stack = [("around", False)]
        self._since = time.process_time()

    def _count(self):
        now = time.process_time()
        stage = self._stack[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def wrap(self, function, stage):
        """Make a function count for a stage; None: for compiled code of the stage that calls it."""

        def counted(*arguments, **named):
            self._count()
            self._stack.append((self._stack[-1][0], True) if stage is None else (stage, False))
            try:
                return function(*arguments, **named)
            finally:
                self._count()
                self._stack.pop()

        return counted


@contextlib.contextmanager
def metered():
    """Count the processor time of all stages inside."""
    meter = Meter()
    with contextlib.ExitStack() as stack:
        rows = [(place, stage) for stage, places in _STAGES.items() for place in places]
        for place, stage in [*rows, *((place, None) for place in _KERNELS)]:
            module, _, name = place.partition(":")
            owner = importlib.import_module(module)
            stack.enter_context(mock.patch.object(owner, name, meter.wrap(getattr(owner, name), stage)))
        yield meter
        meter._count()


def profile(n_markets=N_MARKETS):
    """Print where the processor time of a calibration goes, and what a sweep adds to it."""
    print(f"processor time of a calibration, ms (of {n_markets}); compiled code, Python, part of all")
    for form in FORMS:
        with tempfile.TemporaryDirectory() as folder, one_blas_thread():
            run_standard(folder, 2, form, {"kind": "serial"})  # loads compiled code
            with metered() as meter:
                run_standard(folder, n_markets, form, {"kind": "serial"})
            _print(form, meter.seconds, n_markets)
        with tempfile.TemporaryDirectory() as folder:
            _, work, inside = run_standard(folder, n_markets, form, {"kind": "local", "workers": 2})
            print(
                f"  {'dask, 2 workers':24} {1 - inside / (2 * work):17.0%} of the wall time outside of fits"
            )


def _print(form, seconds, count):
    inside = sum(value for (stage, _), value in seconds.items() if stage in _FITS)
    print(f"{form}: {inside / count * 1e3:.1f} ms in a fit")
    total = sum(seconds.values())
    for stage in (*_STAGES, "around"):
        compiled, python = (seconds.get((stage, kind), 0.0) for kind in (True, False))
        print(
            f"  {stage:24} {compiled / count * 1e3:7.2f} {python / count * 1e3:7.2f} "
            f"{(compiled + python) / total:7.1%}"
        )
    kernels = np.sum([value for (_, compiled), value in seconds.items() if compiled])
    print(f"  {'kernels in all':24} {kernels / count * 1e3:7.2f} {'':7} {kernels / total:7.1%}")
