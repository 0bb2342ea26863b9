"""The coordinator of a sweep with a thousand workers, whose tasks only wait: how busy it keeps them.

    python tests/benchmarks/coordinator.py --workers 1000 --tasks 20000 --seconds 2

Workers are threads of a few processes of a dask cluster on this computer. A task waits, notes its chunk in a
few arrays of a real store, and goes back; the coordinator merges and commits as it does in every sweep.
Printed: the part of their time that workers waited in tasks (between the first and the last tenth of them, so
that start and end do not count), processor time a task of the coordinator with dask's scheduler in it (it has
one second a second), its memory at four times, and what commits took.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from pipeline.config.load import load_study
from pipeline.panel.open import open_study_panel
from pipeline.store.fork import Written
from pipeline.store.format.layout import SweepState, group_path
from pipeline.store.store import Store
from pipeline.sweep.attempts import lengths
from pipeline.sweep.calibrator import default_calibrator
from pipeline.sweep.coordinator import _blocks, plan_study
from pipeline.sweep.progress import Watcher
from pipeline.sweep.run import SweepOptions, SweepRun
from pipeline.sweep.task_runner import TaskResult

STUDY = """
study: waiting
simulate:
  markets: 2
  firms: 2
  periods: 8
  total_sales: 1.0e6
  invested: 0.1
  efforts: {promotion: {part: 1.0}}
  truth:
    response: linear
    firm_effects: none
    parameters: {jump_price: 1.0e6, returns_to_scale: 0, promotion: 1.0}
models: {form: investment, response: linear, firm_effects: none}
store: store
"""
MODEL = "investment-linear"
#: Arrays that a task notes its chunk in, and their axes: the one that shows progress, and two others.
NOTED = {"status": 2, "value": 3, "stderr": 3}


@dataclass(frozen=True)
class Wait:
    """What a worker does with a task."""

    seconds: float

    def __call__(self, message):
        time.sleep(self.seconds)
        fork, task = message.fork, message.task
        value = default_buffer_prototype().buffer.from_bytes(b"done")

        async def note():
            for name, axes in NOTED.items():
                chunk = "/".join([str(task.start), *"0" * (axes - 1)])
                path = f"{group_path(task.sweep, 'fits', MODEL)}/{name}/c/{chunk}"
                await fork.session.store.set(path, value)

        sync(note())
        fork.written.append(Written(task.model, task.start, task.stop))
        return TaskResult(fork, {1: 1}, self.seconds)


class WaitingRun(SweepRun):
    """A sweep whose tasks wait."""

    seconds = 2.0

    def _runner(self):
        return Wait(self.seconds)

    def _on_done(self, result):
        super()._on_done(result)
        self.ends.append((time.monotonic(), time.process_time()))

    def _report(self, state):
        return state

    def _finish(self):
        return SweepState.DONE


class Timed:
    """The sweep's commits with their seconds."""

    def __init__(self, sweep):
        self._commit, self.seconds = sweep.merge_and_commit, []

    def __call__(self, forks):
        start = time.monotonic()
        snapshot = self._commit(forks)
        self.seconds.append(time.monotonic() - start)
        return snapshot


def measure(workers, tasks, seconds, processes, folder):
    """Do so many waiting tasks; return what was seen."""
    (Path(folder) / "study.yaml").write_text(STUDY)
    options = (
        f"{{n_workers: {processes}, threads_per_worker: {workers // processes}, dashboard_address: null}}"
    )
    cluster = f"cluster={{class: distributed.LocalCluster, options: {options}}}"
    study = load_study(Path(folder) / "study.yaml", [cluster])
    panel = open_study_panel(study)
    plan = plan_study(study, panel)
    store = Store.open_or_create(study.store_location)
    store.write_panel(panel.content_hash, _blocks(study, panel, plan), plan.layout.markets, 1)
    plan = replace(plan, layout=replace(plan.layout, markets=np.arange(tasks), chunk=1))
    plan = replace(plan, models=tuple(replace(one, chunks_per_task=1) for one in plan.models))
    names = {"study": "waiting", "study_text": "", "study_hash": "0", "data_hash": panel.content_hash}
    sweep = store.create_sweep(**names, layout=plan.layout)
    plan = replace(plan, sweep=sweep.name)
    sweep.merge_and_commit = commits = Timed(sweep)
    calibrator = replace(default_calibrator(), precompile=None)
    run = WaitingRun(study, plan, sweep, calibrator, Watcher(), threading.Event(), SweepOptions())
    run.seconds, run.ends = seconds, []
    # Tasks are to last as long as asked for, so they are not joined to longer ones.
    lengths.SHORTEST = lengths.LONGEST = 0.0
    memory, over = [], threading.Event()
    threading.Thread(target=_watch_memory, args=(memory, over), daemon=True).start()
    run.go()
    over.set()
    assert len(run.ends) == tasks
    (first, used_first), (last, used_last) = np.quantile(run.ends, [0.1, 0.9], axis=0)
    busy = 0.8 * tasks * seconds / (workers * (last - first))
    return {
        "busy": busy,
        "tasks_per_second": 0.8 * tasks / (last - first),
        "milliseconds": 1e3 * (used_last - used_first) / (0.8 * tasks),
        "memory": [memory[int(place)] for place in np.linspace(0.25, 1.0, 4) * (len(memory) - 1)],
        "commits": commits.seconds,
    }


def _watch_memory(sizes, over):
    process = psutil.Process()
    while not over.wait(0.5):
        sizes.append(process.memory_info().rss)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--processes", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(asked.workers, asked.tasks, asked.seconds, asked.processes, folder)
    print(f"{asked.tasks} tasks of {asked.seconds:g} s, {asked.workers} workers: busy {seen['busy']:.1%}")
    print(
        f"  {seen['tasks_per_second']:.0f} tasks a second, {seen['milliseconds']:.2f} ms of the coordinator "
        "each"
    )
    print(f"  memory {', '.join(f'{size / 2**20:.0f}' for size in seen['memory'])} MiB")
    took = 1e3 * np.array(seen["commits"])
    print(f"  {took.size} commits: {np.median(took):.0f} ms (median), {took.max():.0f} ms at most")


if __name__ == "__main__":
    import coordinator  # workers know it by this name, not as __main__

    coordinator.main()
