"""Stores on S3, against a local server that enforces conditional writes."""

import os
import pickle

import numpy as np
import pytest
import zarr
from s3 import Line, s3_bucket

from pipeline.errors import BusyError, StoreError, StoreNotFoundError
from pipeline.store.lease import PREFIX, live_leases
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk

MODEL = "investment-mnl"


def commit(tiny, model, markets):
    fork = write_chunk(tiny.sweep.fork(), model, markets, tiny.arrays(model, markets))
    return tiny.sweep.merge_and_commit([fork])


def fits(tiny, model=MODEL):
    return zarr.open_group(
        tiny.store.session().store, path=f"sweeps/{tiny.sweep.name}/fits/{model}", mode="r"
    )


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """Where a store is to be in a bucket."""
    with s3_bucket(monkeypatch, "results"):
        yield f"s3://results/{tmp_path.name}/store"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_on_s3(bucket, make_tiny):
    tiny = make_tiny(bucket)
    other = Store.open(bucket).sweep(tiny.sweep.name)
    assert b"secret-of-the-test" not in pickle.dumps(tiny.sweep.fork())
    early = write_chunk(other.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    commit(tiny, MODEL, slice(3, 6))
    other.merge_and_commit([early])
    tiny.fill()
    tiny.sweep.compact()
    tiny.sweep.set_state("done")
    from pipeline import open_store

    assert open_store(bucket).fits(MODEL).value.sel(market=5, window="all", param="discount").item() == 5.0
    with pytest.raises(StoreNotFoundError):
        Store.open("s3://results/elsewhere")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_coordinators_on_s3_that_did_the_same_task_agree(bucket, make_tiny, monkeypatch):
    """There is no lock on S3: the second commit finds the chunk written since its session was opened."""
    tiny = make_tiny(bucket)
    other = Store.open(bucket).sweep(tiny.sweep.name)
    chunk = slice(0, 3)
    late = write_chunk(other.fork(), MODEL, chunk, tiny.arrays(MODEL, chunk))
    check = other._check_current

    def overtaken(session, fork):
        check(session, fork)
        commit(tiny, MODEL, chunk)

    monkeypatch.setattr(other, "_check_current", overtaken)
    assert other.merge_and_commit([late])
    assert other.pending(MODEL) == (slice(3, 6), slice(6, 7))
    np.testing.assert_array_equal(fits(tiny)["value"][:3, 0, 0], [2.0, 5.0, 8.0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_vintages_on_s3(bucket, tmp_path, monkeypatch):
    """Nobody can be locked out of an object store; who publishes second finds it done."""
    import growing
    import slow_market

    from pipeline import open_store
    from pipeline.config.load import load_study
    from pipeline.panel.dates import LogicalDate
    from pipeline.vintages.recalibrate import recalibrate_study

    path = growing.write(tmp_path, growing.rows(6, markets=(1, 2)))
    study = load_study(path, [f"store={bucket}"])
    dates = [LogicalDate.parse(growing.week(number)) for number in (4, 5)]
    for date in dates:
        assert recalibrate_study(study, date, calibrator=slow_market.CALIBRATOR).outcome == "published"
    assert open_store(bucket, date=dates[0].key).panel()["time"].size == 5
    assert set(Store.open(bucket)._repository.list_branches()) == {"main"}, "leases are given back"
    monkeypatch.setattr("pipeline.vintages.recalibrate._published", lambda *given: None)
    assert recalibrate_study(study, dates[1], calibrator=slow_market.CALIBRATOR).outcome == "done"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("begun", [False, True])
def test_two_coordinators_of_one_date_on_s3_do_not_work_twice(bucket, tmp_path, monkeypatch, begun):
    """The second is refused, whether there was a store before or not; each market is fitted once."""
    import growing
    import slow_market

    from pipeline.config.load import load_study
    from pipeline.errors import BusyError
    from pipeline.panel.dates import LogicalDate
    from pipeline.sweep.progress import Watcher
    from pipeline.vintages.recalibrate import recalibrate_study

    monkeypatch.setenv("SLOW_TRACE", str(tmp_path))
    path = growing.write(tmp_path, growing.rows(6, markets=(1, 2)))
    study = load_study(path, [f"store={bucket}"])
    date = LogicalDate.parse(growing.week(5))
    if begun:
        Store.open_or_create(bucket)
    refused = []

    class Second(Watcher):
        def planned(self, plan, kept):
            with pytest.raises(BusyError, match="is being worked on by process"):
                recalibrate_study(study, date, calibrator=slow_market.CALIBRATOR)
            refused.append(date)

    first = recalibrate_study(study, date, calibrator=slow_market.CALIBRATOR, watcher=Second())
    assert (first.outcome, refused) == ("published", [date])
    fitted = [len(one.read_text().split()) for one in tmp_path.glob("*-mnl-*")]
    assert fitted == [1, 1, 1, 1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_pruning_on_s3_waits_for_workers_and_leaves_what_is_fresh(bucket, make_tiny, monkeypatch):
    from datetime import timedelta

    from pipeline.errors import BusyError

    tiny = make_tiny(bucket)
    tiny.fill()
    other = make_tiny(bucket, study_hash="2")
    with tiny.sweep.hold(), pytest.raises(BusyError, match=rf"is being worked on \({tiny.sweep.name}\)"):
        other.store.prune([tiny.sweep.name], [])
    assert len(other.store.heads()) == 2
    assert other.store.prune([tiny.sweep.name], []).bytes == 0  # a run that has just begun is safe
    assert [head.name for head in other.store.heads()] == [other.sweep.name]
    monkeypatch.setattr("pipeline.store.prune.GRACE", timedelta(0))
    assert other.store.prune([], []).bytes > 0
    other.fill()
    assert other.store.panel("d41d8cd9")["sales"].load().size


@pytest.mark.long  # icechunk tries for a minute or two before it gives up
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_network_lost_in_the_middle_of_a_run_loses_nothing(bucket, tmp_path, monkeypatch):
    """A sentence; and what was committed is kept: the same run goes on when the network is back."""
    import growing
    import slow_market

    from pipeline.config.load import load_study
    from pipeline.sweep.coordinator import run_study
    from pipeline.sweep.progress import Watcher

    monkeypatch.setenv("SLOW_TRACE", str(tmp_path))
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 1)
    study = load_study(growing.write(tmp_path, growing.rows(6, markets=(1, 2, 3))), [f"store={bucket}"])
    line = Line(os.environ["AWS_ENDPOINT_URL"])

    class Cutting(Watcher):
        def progress(self, done, failed, workers):
            if done:
                line.lose()

    with monkeypatch.context() as through_the_line:
        through_the_line.setenv("AWS_ENDPOINT_URL", line.address)
        with pytest.raises(StoreError) as lost:
            run_study(study, calibrator=slow_market.CALIBRATOR, watcher=Cutting())
    assert line.cut.is_set()
    assert "Check the network" in str(lost.value)
    with pytest.raises(BusyError, match="its lease ends within 180 s"):  # it could not be given back
        run_study(study, calibrator=slow_market.CALIBRATOR)
    repository = Store.open(bucket)._repository
    for name in live_leases(repository):
        repository.delete_branch(PREFIX + name)
    assert run_study(study, calibrator=slow_market.CALIBRATOR).state == "done"
    line.shutdown()
