"""A study whose fits only wait: `python slow_market.py STUDY.yaml [SECONDS]` behaves like `beed run`.

Sweeps of known duration and known numbers, for tests that kill and resume. Workers import this module, so its
folder must be on PYTHONPATH.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from pipeline.seeds import fit_seed
from pipeline.status import Status
from pipeline.store.format.layout import ModelLayout, ParameterLabel, empty_results
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.layout import study_layout


def describe(variant, study, firms, entries=None):
    return ModelLayout(variant.name, (ParameterLabel("price"), ParameterLabel("deal")))


def columns(variant, study, firms):
    return 2


def calibrate(panel, variant, study, warm=None):
    """Take SLOW_SECONDS a market; leave a trace of every market in the folder SLOW_TRACE.

    Markets listed in SLOW_FAIL have no result in the last window; SLOW_HANG hangs when it is fitted first.
    """
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
        if os.environ.get("SLOW_HANG") == str(market):
            hang_once(Path(trace or ".") / "hung")
    arrays = results(panel, variant.name, study)
    failing = os.environ.get("SLOW_FAIL", "").split(",")
    lost = np.array([str(market) in failing for market in markets])
    arrays["status"][lost, -1] = Status.NO_FINITE_START
    arrays["value"][lost, -1] = np.nan
    return arrays


def hang_once(marker):
    """Wait for ever the first time that this is called."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    time.sleep(3600)


def empty(panel, model, study, models):
    markets, firms, times = (panel[axis].to_numpy() for axis in ("market", "firm", "time"))
    layout = study_layout(study, markets=markets, firms=firms, times=times, models=models, chunk=1)
    return empty_results(layout, model, len(markets))


def results(panel, model, study):
    arrays = empty(panel, model, study, [describe(SimpleNamespace(name=model), study, None)])
    for array in arrays.values():
        array[...] = 0
    seeds = [fit_seed(study.seed, model, market) for market in panel["market"].to_numpy().tolist()]
    n, windows, parameters = arrays["value"].shape
    value = np.stack([np.random.default_rng(seed).normal(size=(windows, parameters)) for seed in seeds])
    sales = panel["sales"].transpose("market", "firm", "time").to_numpy()
    arrays["value"] = value
    arrays["stderr"] = np.abs(value)
    arrays["correlation"] = np.tile(np.eye(parameters), (n, windows, 1, 1))
    arrays["start_cost"][...] = 1.0
    arrays["sensitivity"][...] = 1.0
    arrays["direction"][...] = np.nan
    arrays["direction_strength"][...] = np.nan
    arrays["status"][...] = Status.CONVERGED
    if "share" in arrays:
        arrays["share"][...] = (sales / np.nansum(sales, axis=1, keepdims=True))[:, None]
    return arrays


def assess(panel, baseline, study):
    arrays = empty(panel, baseline, study, [])
    for array in arrays.values():
        array[...] = 1.0
    return arrays


CALIBRATOR = Calibrator(describe, columns, calibrate, assess)


def main():
    import pipeline.sweep.coordinator
    import pipeline.sweep.plan
    from pipeline.cli.app import main as beed
    from pipeline.signals import listen

    listen()

    # The real command line with another calibrator: tests of kills do not wait for compilers.
    pipeline.sweep.coordinator.default_calibrator = lambda: CALIBRATOR
    pipeline.sweep.plan.LARGEST_CHUNK = int(os.environ.get("SLOW_CHUNK", pipeline.sweep.plan.LARGEST_CHUNK))
    # As the command line leaves: without waiting for the threads of icechunk, which can end it with 139.
    sys.argv = ["beed", os.environ.get("SLOW_COMMAND", "run"), *sys.argv[1:]]
    beed()


if __name__ == "__main__":
    import slow_market  # workers know it by this name, not as __main__

    slow_market.main()
