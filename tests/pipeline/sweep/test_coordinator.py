"""The coordinator: everything once, nothing lost, the same numbers from everywhere."""

import importlib.util
import sys
import threading

import numpy as np
import pytest
from places import SUPPORT

from pipeline.config.load import load_study
from pipeline.errors import BusyError, ClusterError, PlanError, StoreError
from pipeline.status import Status
from pipeline.store.format.layout import SweepState
from pipeline.store.store import Store
from pipeline.sweep.commit import Committer
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.progress import Watcher

MARKETS = 12
STUDY = """
study: slow
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts:
    price: {kind: index}
    deal: {kind: index}
models:
  form: [investment, proportional]
  response: linear
fit: {starts: 3}
store: runs
cluster: {kind: serial}
"""


@pytest.fixture
def slow(monkeypatch):
    """The module of waiting fits, known to this process and to workers by the same name."""
    monkeypatch.syspath_prepend(SUPPORT)
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    module = importlib.import_module("slow_market")
    yield module
    sys.modules.pop("slow_market", None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    lines = ["store,brand,week,sales,price,deal"]
    for store in range(MARKETS):
        for brand in "ABC":
            for week in range(6):
                sales, price, deal = random.uniform(1, 2, 3)
                lines.append(f"{store},{brand},{week},{sales:.6f},{price:.6f},{deal:.6f}")
    (tmp_path / "panel.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "study.yaml").write_text(STUDY)
    # Chunks of two markets: enough tasks to interrupt, without thousands of fits.
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 2)
    return tmp_path


def load(folder, *overrides):
    return load_study(folder / "study.yaml", overrides)


def run(folder, slow, *overrides, **options):
    return run_study(load(folder, *overrides), calibrator=slow.CALIBRATOR, **options)


def values(report, model="investment-linear"):
    store = Store.open(report.store)
    import zarr

    path = f"sweeps/{report.sweep}/fits/{model}"
    group = zarr.open_group(store.session().store, path=path, mode="r")
    return {name: group[name][...] for name in ("value", "status", "start_cost")}


class Recorder(Watcher):
    def __init__(self):
        self.notes, self.kept = [], None

    def note(self, text):
        self.notes.append(text)

    def planned(self, plan, kept):
        self.kept = kept


def test_a_sweep_is_done_once(folder, slow):
    first = run(folder, slow)
    assert (first.state, first.kept, first.done, first.total) == (SweepState.DONE, 0, 24, 24)
    assert np.all(values(first)["status"] == Status.CONVERGED)
    snapshot = Store.open(first.store).session().snapshot_id
    second = run(folder, slow)
    assert (second.state, second.kept, second.done) == (SweepState.DONE, 24, 0)
    assert Store.open(first.store).session().snapshot_id == snapshot  # nothing at all was written


def test_results_are_those_of_their_market(folder, slow):
    from pipeline.seeds import fit_seed

    value = values(run(folder, slow))["value"]
    for market in range(MARKETS):
        expected = np.random.default_rng(fit_seed(0, "investment-linear", market)).normal(size=(1, 2))
        np.testing.assert_array_equal(value[market], expected)


@pytest.mark.parametrize("chunk", [1, 5, 256])
def test_chunks_change_no_number(folder, slow, monkeypatch, chunk):
    expected = values(run(folder, slow))["value"]
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", chunk)
    np.testing.assert_array_equal(values(run(folder, slow, f"store={folder}/other"))["value"], expected)


@pytest.mark.cluster
@pytest.mark.parametrize("workers", [1, 2])
def test_executors_change_no_number(folder, slow, workers):
    expected = values(run(folder, slow))
    overrides = [f"store={folder}/other", f"cluster={{kind: local, workers: {workers}}}"]
    got = values(run(folder, slow, *overrides))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_a_changed_study_is_a_sweep_beside_the_old_one(folder, slow):
    first = run(folder, slow)
    second = run(folder, slow, "fit.starts=4")
    assert second.kept == 0
    assert {info.name for info in Store.open(first.store).sweeps()} == {first.sweep, second.sweep}
    assert values(first)["start_cost"].shape == (MARKETS, 1, 3)


def test_changed_data_are_a_sweep_beside_the_old_one(folder, slow):
    first = run(folder, slow)
    path = folder / "panel.csv"
    path.write_text(path.read_text().replace("0,A,0,1.", "0,A,0,3."))
    second = run(folder, slow)
    assert second.sweep != first.sweep
    assert second.kept == 0


def test_stopping_keeps_what_is_finished_and_running_again_resumes(folder, slow, tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("SLOW_TRACE", str(trace))
    stop = threading.Event()

    class StopAtFour(Recorder):
        def progress(self, done, failed, workers):
            if done >= 4:
                stop.set()

    first = run(folder, slow, watcher=StopAtFour(), stop=stop)
    assert (first.state, first.done) == (SweepState.INTERRUPTED, 4)
    assert Store.open(first.store).sweep(first.sweep).info.state == SweepState.INTERRUPTED
    watcher = Recorder()
    second = run(folder, slow, watcher=watcher)
    assert watcher.kept == 4
    assert (second.state, second.kept, second.done) == (SweepState.DONE, 4, 20)
    assert all(len(path.read_text().split()) == 1 for path in trace.iterdir())  # nothing was fitted twice


def test_resuming_keeps_the_chunks_of_the_store(folder, slow, monkeypatch):
    stop = threading.Event()

    class StopAtOnce(Recorder):
        def progress(self, done, failed, workers):
            stop.set()

    run(folder, slow, watcher=StopAtOnce(), stop=stop)
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 256)
    assert run(folder, slow).state == SweepState.DONE


@pytest.mark.cluster
def test_a_market_that_kills_workers_is_a_status(folder, slow, monkeypatch):
    monkeypatch.setenv("SLOW_POISON", "5")
    watcher = Recorder()
    report = run(folder, slow, "cluster={kind: local, workers: 2}", "models.form=investment", watcher=watcher)
    assert report.state == SweepState.DONE
    assert report.failures == {Status.WORKER_CRASHED: 2}  # markets 4 and 5 are one task
    status = values(report)["status"][:, 0]
    assert np.flatnonzero(status == Status.WORKER_CRASHED).tolist() == [4, 5]
    assert any("died twice" in note for note in watcher.notes)


def test_an_unforeseen_exception_leaves_its_markets_pending(folder, slow, monkeypatch):
    monkeypatch.setenv("SLOW_BUG", "5")
    report = run(folder, slow)
    assert report.state == SweepState.INTERRUPTED
    assert report.done == 20
    assert len(report.unfinished) == 2
    assert "ZeroDivisionError: a bug (slow_market.py:" in report.unfinished[0]
    monkeypatch.delenv("SLOW_BUG")
    assert run(folder, slow).done == 4


def test_when_nothing_works_the_run_gives_up(folder, slow, monkeypatch):
    def broken(panel, variant, study):
        raise ImportError("no numba here")

    import dataclasses

    calibrator = dataclasses.replace(slow.CALIBRATOR, calibrate=broken)
    with pytest.raises(ClusterError, match=r"5 tasks in a row .* no numba here"):
        run_study(load(folder), calibrator=calibrator)


def test_baselines_are_assessed(folder, slow):
    import zarr

    overrides = ["validation={holdout: 0.3, baselines: [last, mean]}"]
    report = run(folder, slow, *overrides)
    assert (report.state, report.total) == (SweepState.DONE, 48)
    store = Store.open(report.store).session().store
    error = zarr.open_array(store, path=f"sweeps/{report.sweep}/validation/error", mode="r")[...]
    np.testing.assert_array_equal(error[:, :, 2:], 1.0)


def test_two_coordinators_do_not_work_on_one_sweep(folder, slow):
    class RunAgain(Recorder):
        def planned(self, plan, kept):
            with pytest.raises(BusyError):
                run(folder, slow)
            self.notes.append("refused")

    watcher = RunAgain()
    assert run(folder, slow, watcher=watcher).state == SweepState.DONE
    assert watcher.notes == ["refused"]


def test_what_does_not_fit_is_refused_before_anything_is_written(folder, slow, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(PlanError, match="free"):
        run(folder, slow)
    assert not (folder / "runs").exists()


class FakeSweep:
    def __init__(self):
        self.commits, self.broken = [], False

    def merge_and_commit(self, forks):
        if self.broken:
            raise StoreError("disk full")
        self.commits.append(list(forks))
        return "snapshot"


def test_commits_by_time_and_keeps_forks_when_a_commit_fails():
    now = [0.0]
    sweep = FakeSweep()
    committer = Committer(sweep, interval=3.0, clock=lambda: now[0])
    committer.add("a")
    assert not committer.tick()
    now[0] = 3.5
    assert committer.tick()
    assert not committer.flush()
    committer.add("b")
    sweep.broken = True
    with pytest.raises(StoreError):
        committer.flush()
    sweep.broken = False
    assert committer.flush()
    assert sweep.commits == [["a"], ["b"]]
