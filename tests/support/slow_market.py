"""A study whose fits only wait: `python slow_market.py STUDY.yaml [SECONDS]` behaves like `beed run`.

Sweeps of known duration and known numbers, for tests that kill and resume. Workers import this module, so its
folder must be on PYTHONPATH.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from pipeline.fitting.uncertainty.weak_directions import N_DIRECTIONS
from pipeline.seeds import fit_seed
from pipeline.status import Status
from pipeline.store.format.layout import STATISTIC_NAMES, ModelLayout, ParameterLabel
from pipeline.sweep.calibrator import Calibrator
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES, n_steps, windows_of

COUNTS = {"param": 2, "stat": len(STATISTIC_NAMES)}


def describe(variant, study, firms):
    return ModelLayout(variant.name, (ParameterLabel("price"), ParameterLabel("deal")))


def columns(variant, study, firms):
    return 2


def calibrate(panel, variant, study, warm=None):
    """Take SLOW_SECONDS a market; leave a trace of every market in the folder SLOW_TRACE."""
    markets = panel["market"].to_numpy().tolist()
    trace = os.environ.get("SLOW_TRACE")
    for market in markets:
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        if trace:
            with (Path(trace) / f"{variant.name}-{market}").open("a") as file:
                file.write(f"{os.getpid()}\n")
        if os.environ.get("SLOW_POISON") == str(market):
            os.kill(os.getpid(), 9)
        if os.environ.get("SLOW_BUG") == str(market):
            raise ZeroDivisionError("a bug")
    return results(panel, variant.name, study)


def results(panel, model, study):
    markets = panel["market"].to_numpy().tolist()
    n, windows, starts = len(markets), 1 + bool(study.validation.holdout), study.fit.starts
    seeds = [fit_seed(study.seed, model, market) for market in markets]
    value = np.stack([np.random.default_rng(seed).normal(size=(windows, 2)) for seed in seeds])
    sales = panel["sales"].transpose("market", "firm", "time").to_numpy()
    arrays = {
        "value": value,
        "stderr": np.abs(value),
        "correlation": np.tile(np.eye(2), (n, windows, 1, 1)),
        "at_bound": np.zeros((n, windows, 2)),
        "statistic": np.zeros((n, windows, COUNTS["stat"])),
        "start_cost": np.ones((n, windows, starts)),
        "interval": np.zeros(
            (n, windows, len(study.uncertainty.methods), 2, len(study.uncertainty.levels), 2)
        ),
        "sensitivity": np.ones((n, windows, 2)),
        "direction": np.full((n, windows, N_DIRECTIONS, 2), np.nan),
        "direction_strength": np.full((n, windows, N_DIRECTIONS), np.nan),
        "status": np.full((n, windows), Status.CONVERGED),
        "share": np.repeat((sales / np.nansum(sales, axis=1, keepdims=True))[:, None], windows, axis=1),
    }
    if study.validation.holdout:
        arrays |= errors(panel, study, 0.0)
    return arrays


def errors(panel, study, value):
    windows = windows_of(study.validation)
    shape = (panel.sizes["market"], len(windows), len(FUTURES))
    steps = n_steps(windows, panel.sizes["time"])
    return {
        "error": np.full((*shape, len(METRICS)), value),
        "step_error": np.full((*shape, steps, len(METRICS)), value),
    }


def assess(panel, baseline, study):
    return errors(panel, study, 1.0)


CALIBRATOR = Calibrator(describe, columns, calibrate, assess)


def main():
    import pipeline.sweep.coordinator
    import pipeline.sweep.plan
    from pipeline.cli.app import main as beed

    # The real command line with another calibrator: tests of kills do not wait for compilers.
    pipeline.sweep.coordinator.default_calibrator = lambda: CALIBRATOR
    pipeline.sweep.plan.LARGEST_CHUNK = int(os.environ.get("SLOW_CHUNK", pipeline.sweep.plan.LARGEST_CHUNK))
    beed([os.environ.get("SLOW_COMMAND", "run"), *sys.argv[1:]])


if __name__ == "__main__":
    import slow_market  # workers know it by this name, not as __main__

    slow_market.main()
