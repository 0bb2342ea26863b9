"""Engines give the same answers, survive dying workers, and stop when told."""

import asyncio
import importlib
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import numpy as np
import pytest
from distributed import KilledWorker
from engine_jobs import draw

from pipeline import executors
from pipeline.config.engines import ENGINES
from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors import dask_client
from pipeline.executors.execute import execute
from pipeline.executors.jobs import Hooks
from pipeline.executors.stragglers import SHORTEST, Stragglers
from pipeline.executors.worker import call_by_name

# Workers cannot import a test module: its functions travel by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

SERIAL = ClusterSection(kind="serial")


def local(workers: int = 2) -> ClusterSection:
    return ClusterSection(kind="local", workers=workers)


def run(jobs, work, settings, **hooks):
    outcomes = []
    finished = execute(jobs, work, settings, Hooks(on_outcome=outcomes.append, **hooks))
    return finished, outcomes


def test_serial_does_jobs_in_order_and_reports_failures():
    def work(job):
        if job == 1:
            raise ValueError("job one")
        return job * 10

    finished, outcomes = run(range(3), work, SERIAL)
    assert finished
    assert [outcome.result for outcome in outcomes] == [0, None, 20]
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].error, ValueError)


def test_serial_draws_jobs_lazily_and_stops():
    stop = threading.Event()
    drawn = []

    def jobs():
        for job in range(10):
            drawn.append(job)
            yield job

    def work(job):
        if job == 2:
            stop.set()
        return job

    finished, outcomes = run(jobs(), work, SERIAL, stop=stop)
    assert not finished
    assert [outcome.result for outcome in outcomes] == [0, 1, 2]
    assert len(drawn) <= 4


def test_unknown_engine_is_a_sentence():
    with pytest.raises(ClusterError, match=r"kind 'mesos' is unknown; expected one of serial, local"):
        run([], draw, SimpleNamespace(kind="mesos"))


def test_every_engine_has_a_file_and_every_such_file_is_listed():
    runners = {
        path.stem
        for path in Path(executors.__path__[0]).glob("*.py")
        if re.search(r"^def run\b", path.read_text(), re.MULTILINE)
    }
    assert runners == {engine.module for engine in ENGINES.values()}
    for name in runners:
        assert callable(importlib.import_module(f"pipeline.executors.{name}").run)


def test_the_example_of_a_function_by_name_can_be_called():
    (example,) = re.findall(r"E\.g\. ``\"([\w.]+):(\w+)\"``", call_by_name.__doc__)
    assert callable(getattr(importlib.import_module(example[0]), example[1]))


@pytest.mark.cluster
@pytest.mark.parametrize("workers", [1, 2])
def test_local_gives_the_bits_of_serial(workers):
    _, expected = run(range(12), draw, SERIAL)
    finished, got = run(range(12), draw, local(workers))
    assert finished
    by_job = {outcome.job: outcome.result for outcome in got}
    assert sorted(by_job) == list(range(12))
    for outcome in expected:
        np.testing.assert_array_equal(by_job[outcome.job], outcome.result, strict=True)


@pytest.mark.cluster
def test_poison_is_marked_crashed_and_innocents_are_not():
    def work(job):
        if job == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return job

    finished, outcomes = run(range(12), work, local())
    assert finished
    assert sorted(outcome.job for outcome in outcomes) == list(range(12))
    assert [outcome.job for outcome in outcomes if outcome.crashed] == [3]
    assert all(outcome.result == outcome.job for outcome in outcomes if outcome.ok)


@pytest.mark.cluster
def test_killed_worker_costs_nothing_but_time(tmp_path: Path):
    def work(job):
        (tmp_path / f"{os.getpid()}").touch()
        time.sleep(0.2)
        return job

    killed = []

    def on_tick(threads):
        pids = [int(path.name) for path in tmp_path.iterdir()]
        if pids and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    finished, outcomes = run(range(20), work, local(), on_tick=on_tick)
    assert killed
    assert finished
    assert sorted(outcome.result for outcome in outcomes) == list(range(20))


@pytest.mark.cluster
def test_stop_keeps_what_is_finished_and_leaves_at_once():
    stop = threading.Event()
    drawn, outcomes = [], []

    def jobs():
        for job in range(1000):
            drawn.append(job)
            yield job

    def work(job):
        time.sleep(0.2)
        return job

    def on_outcome(outcome):
        outcomes.append(outcome)
        if len(outcomes) == 4:
            stop.set()
            stopped.append(time.monotonic())

    stopped = []
    assert not execute(jobs(), work, local(), Hooks(on_outcome=on_outcome, stop=stop))
    assert time.monotonic() - stopped[0] < 6
    assert len(drawn) < 20
    assert sorted(outcome.job for outcome in outcomes) == drawn  # everything in flight was waited for


@pytest.mark.cluster
def test_exceptions_of_jobs_come_back_as_outcomes():
    def work(job):
        raise TimeoutError(f"job {job}")

    finished, outcomes = run([5], work, local(1))
    assert finished
    assert isinstance(outcomes[0].error, TimeoutError)
    assert str(outcomes[0].error) == "job 5"


@pytest.mark.cluster
def test_workers_precompile_and_ignore_interrupts_and_use_one_blas_thread():
    def work(job):
        import gc
        import signal as signals

        from threadpoolctl import threadpool_info

        ignored = signals.getsignal(signals.SIGINT) is signals.SIG_IGN
        threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return gc.isenabled(), ignored, threads

    _, outcomes = run([1], work, local(1), precompile="gc:disable")
    collecting, ignored, threads = outcomes[0].result
    assert not collecting
    assert ignored
    assert set(threads) == {1}


@pytest.mark.cluster
def test_worker_that_cannot_precompile_is_a_sentence():
    with pytest.raises(ClusterError, match="same version of beed"):
        run([1], draw, local(1), precompile="no_such_module:precompile")


def test_no_scheduler_is_a_sentence(monkeypatch):
    monkeypatch.setattr("pipeline.executors.address.TIMEOUT", 1.0)
    settings = ClusterSection(kind="address", address="tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"No dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run([1], draw, settings)


def test_a_job_is_late_after_three_times_the_median():
    stragglers = Stragglers()
    for seconds in (10.0, 100.0):
        stragglers.ended(seconds)
    assert stragglers.late_after() == float("inf")
    stragglers.ended(20.0)
    assert stragglers.late_after() == 60.0
    for _ in range(9):
        stragglers.ended(0.1)
    assert stragglers.late_after() == SHORTEST


@pytest.mark.cluster
def test_a_job_that_hangs_is_started_again_where_a_worker_is_idle(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.executors.stragglers.SHORTEST", 1.0)
    marker = tmp_path / "hung"

    def work(job):
        if job == 5:
            try:
                marker.touch(exist_ok=False)
            except FileExistsError:
                return job
            time.sleep(3600)
        return job

    start = time.monotonic()
    finished, outcomes = run(range(12), work, local(2))
    assert finished
    assert sorted(outcome.result for outcome in outcomes) == list(range(12))
    assert marker.exists()
    # The worker that hangs is not waited for.
    assert time.monotonic() - start < 60


class FakeFuture:
    def __init__(self, job):
        self.job, self.callbacks, self.error, self.gone = job, [], None, set()
        self.status, self.asked_alone = "pending", False

    def add_done_callback(self, callback):
        self.callbacks.append(callback)

    def end(self, error=None):
        self.error = error
        self.status = "error" if error else "finished"
        for callback in self.callbacks:
            callback(self)

    def result(self, timeout):
        self.asked_alone = True
        if self.error is not None:
            raise self.error
        return self.job

    def cancelled(self):
        return False

    def cancel(self):
        self.gone.add("cancelled")

    def release(self):
        self.gone.add("released")


class FakeClient:
    """Gives results of several jobs together, but for the broken ones."""

    status, broken = "running", False

    def __init__(self, futures):
        self.futures = futures

    def map(self, work, jobs, pure):
        self.futures += (new := [FakeFuture(job) for job in jobs])
        return new

    async def gather(self, futures, asynchronous):
        if self.broken:
            raise TimeoutError
        return [future.job for future in futures]

    def sync(self, function, callback_timeout):
        return asyncio.run(function())


def flight(monkeypatch, jobs, outcomes):
    """A flight of jobs on two fake threads, everything submitted, the last one late."""
    futures = []

    client = FakeClient(futures)
    flying = dask_client._Flight(client, iter(jobs), None, Hooks(on_outcome=outcomes.append), None, 0)
    monkeypatch.setattr("pipeline.executors.stragglers.SHORTEST", 0.0)
    flying._refill(2)
    flying._refill(2)
    for future in futures[:-1]:
        future.end()
        flying._collect()
    time.sleep(0.01 + flying.stragglers.late_after())
    flying._double_late(2)
    return flying, futures


@pytest.mark.parametrize("winner", [-2, -1])
def test_the_first_result_of_a_doubled_job_counts(monkeypatch, winner):
    outcomes = []
    flying, futures = flight(monkeypatch, range(5), outcomes)
    assert [future.job for future in futures] == [0, 1, 2, 3, 4, 4]
    flying._double_late(2)
    assert len(futures) == 6  # twice is enough
    futures[winner].end()
    flying._collect()
    assert [outcome.result for outcome in outcomes] == list(range(5))
    assert flying.complete
    loser = futures[-3 - winner]
    assert loser.gone == {"cancelled", "released"}
    loser.end()
    flying._collect()
    assert len(outcomes) == 5


@pytest.mark.parametrize("broken", [False, True])
def test_what_ended_together_is_fetched_together_and_else_one_by_one(monkeypatch, broken):
    outcomes = []
    flying, futures = flight(monkeypatch, range(5), outcomes)
    flying.client.broken = broken
    late = futures[4:]
    flying._submit([7, 8, 9])
    together, failed = futures[6:8], futures[8]
    failed.end(ValueError("no"))
    for future in (*together, late[0]):
        future.end()
    flying._collect()
    assert [outcome.result for outcome in outcomes[4:]] == [None, 7, 8, 4]
    assert isinstance(outcomes[4].error, ValueError)
    assert [future.asked_alone for future in (*together, failed)] == [broken, broken, True]


def test_a_doubled_job_that_dies_once_is_still_under_way(monkeypatch):
    outcomes = []
    flying, futures = flight(monkeypatch, range(5), outcomes)
    futures[-2].end(KilledWorker("job", None, 1))
    flying._collect()
    assert (len(outcomes), len(flying.in_flight), len(flying.blamed)) == (4, 1, 0)
    futures[-1].end()
    flying._collect()
    assert len(outcomes) == 5
    assert flying.complete
