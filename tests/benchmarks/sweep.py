"""Benchmarks of whole sweeps, from the study to the store, and of a question to a large store.

Wall time, because workers are processes of their own: run them on a machine that does nothing else.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.sweep.coordinator import Watcher, run_study

N_STARTS = 8
_EFFORTS = ("product", "discount", "promotion", "place")


class _Clock(Watcher):
    """Remembers when each stage of a run began."""

    def __init__(self):
        self.stages = []

    def stage(self, text):
        self.stages.append((time.perf_counter(), text))


def _study(folder, n_markets, form, cluster, **fit):
    """Write the standard problem: 10 firms, 104 weeks, 4 expenses, Hill with 8 free parameters.

    ``fit`` are further keys of the section `fit`.
    """
    parameters = {
        "jump_price": 1.0e6,
        "returns_to_scale": {"investment": 0, "proportional": 1}.get(form, 0.5),
    }
    for effort in _EFFORTS:
        parameters |= {effort: 1.0, f"{effort}.h": 0.03, f"{effort}.n": 1.5}
    study = {
        "study": f"bench-{form}",
        "simulate": {
            "markets": n_markets,
            "firms": 10,
            "periods": 104,
            "total_sales": 1.0e6,
            "invested": 0.1,
            "efforts": {effort: {"part": 0.25} for effort in _EFFORTS},
            "truth": {"response": "hill", "firm_effects": "none", "parameters": parameters},
            "noise": 0.02,
        },
        "models": {"form": form, "response": "hill", "firm_effects": "none"},
        "fit": {"starts": N_STARTS, "fixed": {f"{effort}.n": 1.5 for effort in _EFFORTS}, **fit},
        "cluster": cluster,
        "store": str(Path(folder) / f"store-{form}-{cluster['kind']}-{cluster.get('workers', 1)}"),
        "seed": 1,
    }
    path = Path(folder) / "bench.yaml"
    path.write_text(yaml.safe_dump(study))
    return load_study(path)


def run_standard(folder, n_markets, form, cluster, **fit):
    """Run a study; return seconds in all, from the first task to the end, and inside the fits."""
    study = _study(folder, n_markets, form, cluster, **fit)
    clock = _Clock()
    start = time.perf_counter()
    report = run_study(study, watcher=clock)
    end = time.perf_counter()
    fits = open_store(report.store, sweep=report.sweep).fits(f"{form}-hill")
    inside = float(fits.seconds.sum())
    work = next(at for at, text in reversed(clock.stages) if "Loading" in text)
    return end - start, end - work, inside


def sweep(n_markets=5000, forms=("investment", "scaled", "proportional")):
    """Print calibrations a second of whole sweeps, the gain of a second worker, and the overhead."""
    print(f"sweeps of {n_markets} markets, {N_STARTS} starts each; seconds of wall time")
    for form in forms:
        with tempfile.TemporaryDirectory() as folder:
            run_standard(folder, 8, form, {"kind": "local", "workers": 2})  # compiles, and warms the disk
            found = {
                workers: run_standard(folder, n_markets, form, {"kind": "local", "workers": workers})
                for workers in (1, 2)
            }
        for workers, (whole, work, inside) in found.items():
            print(
                f"  {form:13} {workers} worker(s): {whole:6.1f} s in all, {n_markets / whole:6.0f} fits/s; "
                f"working {work:6.1f} s, {n_markets / work:6.0f} fits/s; outside of fits "
                f"{1 - inside / (work * workers):.0%}"
            )
        print(f"  {form:13} two workers against one: {found[1][1] / found[2][1]:.2f}x")


def many_markets(n_markets=20_000):
    """Print the time and the peak memory of a sweep of many markets in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        study = _study(folder, n_markets, "investment", {"kind": "local"})
        command = [sys.executable, "-m", "pipeline.cli", "run", str(Path(folder) / "bench.yaml")]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in Path(study.store).rglob("*") if file.is_file())
        print(f"{n_markets} markets: {seconds:.0f} s, store of {size / 2**20:.0f} MiB")
        print("  " + next(line for line in done.stdout.splitlines() if " fits in " in line))
        point_query(study.store, n_markets // 2, "investment-hill")


def point_query(store, market, model):
    """Print the wall seconds of one question to a store, with the start of Python, the best of five."""
    command = [sys.executable, "-m", "pipeline.cli", "query", str(store), "--market", str(market)]
    command += ["--model", model, "--param", "discount", "--format", "csv"]
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    print(f"  point query: {np.min(seconds):.2f} s (median {np.median(seconds):.2f} s)")
