"""Fits done again, time that is up, runs without any result."""

import threading
import time
from contextlib import contextmanager

import growing
import numpy as np
import pytest
import slow_market
import zarr

from pipeline.config.load import load_study
from pipeline.errors import PlanError
from pipeline.status import Status
from pipeline.store.format.layout import VARIABLES, SweepState
from pipeline.store.store import Store
from pipeline.sweep.attempts.deadline import Pace, stop_at
from pipeline.sweep.attempts.retry import RETRIES, parse_retry
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.progress import Watcher
from pipeline.sweep.run import SweepOptions

MODELS = ("investment-mnl", "proportional-mnl")
VALIDATED = growing.STUDY + "validation: {holdout: 0.3, baselines: [last]}\n"


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 2)
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("SLOW_TRACE", str(trace))
    return load_study(growing.write(tmp_path, growing.rows(8, markets=range(5)), VALIDATED))


def run(study, watcher=None, **options):
    return run_study(
        study, calibrator=slow_market.CALIBRATOR, watcher=watcher, options=SweepOptions(**options)
    )


def stored(report, model):
    store = Store.open(report.store).session().store
    group = zarr.open_group(store, path=f"sweeps/{report.sweep}", mode="r")
    groups = [group[f"fits/{model}"], group[f"trajectories/{model}"], group["validation"]]
    return {name: array[...] for one in groups for name, array in one.arrays() if name in VARIABLES}


def fitted(tmp_path):
    """How often every market was fitted, by model and market."""
    return {path.name: len(path.read_text().split()) for path in (tmp_path / "trace").iterdir()}


@pytest.mark.parametrize("complete", [True, False])
def test_what_failed_is_done_again_and_nothing_else(study, tmp_path, monkeypatch, complete):
    monkeypatch.setenv("SLOW_FAIL", "1,4")
    if complete:
        first = run(study)
        assert first.statuses == {Status.CONVERGED: 16, Status.NO_FINITE_START: 4}
        assert first.failures == {Status.NO_FINITE_START: 4}
    else:
        stop = threading.Event()

        class StopAfterTheFirst(Watcher):
            def progress(self, done, failed, workers):
                if done >= 8:
                    stop.set()

        options = {"calibrator": slow_market.CALIBRATOR, "watcher": StopAfterTheFirst(), "stop": stop}
        first = run_study(study, **options)
    before = {model: stored(first, model) for model in MODELS}
    counts = fitted(tmp_path)
    monkeypatch.delenv("SLOW_FAIL")
    again = run(study, retry=parse_retry("failed"))
    failed = (before[MODELS[0]]["status"] == Status.NO_FINITE_START).any(axis=1)
    assert again.done == again.total - again.kept == 2 * failed.sum() == (4 if complete else 2)
    assert again.state == (SweepState.DONE if complete else SweepState.INTERRUPTED)
    for model in MODELS:
        after = stored(again, model)
        assert not np.isnan(after["value"][failed]).any()
        assert (after["status"][failed] == Status.CONVERGED).all()
        for name, old in before[model].items():
            # Fits of other markets stay bit for bit, and so does the window that had not failed.
            np.testing.assert_array_equal(after[name][~failed], old[~failed])
            np.testing.assert_array_equal(after[name][:, 0], old[:, 0])
        # Other starting points: other numbers than the same seed would have given.
        assert not np.isin(after["value"][failed, -1], after["value"][failed, 0]).any()
    more = {name: count for name, count in fitted(tmp_path).items() if count != counts.get(name)}
    assert more == {f"{model}-{market}": 2 for model in MODELS for market in np.flatnonzero(failed).tolist()}
    (entry,) = Store.open(again.store).sweep(again.sweep).info.attributes[RETRIES]
    assert (entry["fits"], entry["mended"], entry["reasons"][0]) == (
        again.done,
        again.done,
        "no_finite_start",
    )
    # Now nothing has failed, and what an interrupted run has left is still there to be done.
    assert run(study, retry=parse_retry("failed")).done == 0
    assert run(study).done == (0 if complete else 12)


def test_only_the_reasons_that_are_asked(study, monkeypatch):
    monkeypatch.setenv("SLOW_FAIL", "1")
    run(study)
    assert run(study, retry=parse_retry("failed:not_finite,worker-crashed")).done == 0
    report = run(study, retry=parse_retry("failed:no_finite_start"))
    assert (report.done, report.failures) == (2, {Status.NO_FINITE_START: 2})


@pytest.mark.parametrize(
    "text", ["", "all", "failed:", "failed:hungry", "failed:converged", "failed:pending"]
)
def test_other_words_are_refused(text):
    with pytest.raises(PlanError, match=r"expected failed, or failed: and reasons .* worker_crashed"):
        parse_retry(text)


def test_what_was_never_run_cannot_be_done_again(study, tmp_path):
    with pytest.raises(PlanError, match="nothing to retry"):
        run(study, retry=parse_retry("failed"))
    assert not (tmp_path / "runs").exists()


def test_when_the_time_is_up_the_run_stops_in_order_and_says_what_is_left(study, monkeypatch):
    monkeypatch.setenv("SLOW_SECONDS", "0.05")
    up = []

    @contextmanager
    def by_hand(deadline, stop):
        assert deadline == 1.0
        up.append(stop)
        yield

    monkeypatch.setattr("pipeline.sweep.coordinator.stop_at", by_hand)

    class UpAfterTheFirst(Watcher):
        def progress(self, done, failed, workers):
            if done >= 8:
                up[0]()

    report = run(study, UpAfterTheFirst(), deadline=1.0)
    assert report.time_up
    assert (report.state, report.done, report.left) == (SweepState.INTERRUPTED, 8, 12)
    # Two of five markets took 0.2 s at least.
    assert report.seconds_left > 0.3
    monkeypatch.undo()
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 2)
    rest = run(study, deadline=time.monotonic() + 100)
    assert (rest.kept, rest.time_up, rest.state) == (report.done, False, SweepState.DONE)


def test_time_that_is_up_before_the_beginning(study):
    report = run(study, deadline=time.monotonic() - 1)
    assert (report.time_up, report.done, report.left) == (True, 0, 20)
    assert report.seconds_left > 0


def test_a_deadline_that_is_not_reached_stops_nothing():
    stop = threading.Event()
    with stop_at(time.monotonic() + 0.05, stop.set):
        pass
    assert not stop.wait(0.1)
    with stop_at(None, stop.set):
        assert not stop.is_set()
    with stop_at(time.monotonic() + 0.05, stop.set):
        assert stop.wait(10)


def test_the_pace_weighs_tasks_by_their_cost(study):
    from pipeline.panel.open import open_study_panel
    from pipeline.sweep.coordinator import plan_study

    plan = plan_study(study, open_study_panel(study), calibrator=slow_market.CALIBRATOR)
    now = [0.0]
    pace = Pace(plan, plan.tasks, workers=2, clock=lambda: now[0])
    assert pace.seconds_left == pytest.approx(plan.seconds / 2)
    pace.start()
    now[0] = 10.0
    for task in (task for task in plan.tasks if task.model == MODELS[0]):
        pace.add(task)
    slow, quick = (model.seconds_per_fit for model in plan.models)
    assert pace.seconds_left == pytest.approx(10.0 * quick / slow)
