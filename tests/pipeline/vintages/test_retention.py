"""Pruning: what goes by rule, what never goes, what is freed, and that writers are safe from it."""

import datetime as dt
import shutil
import threading

import growing
import pytest
import slow_market
from command_line import beed

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import BusyError, ExitCode, PlanError, QueryError, StoreNotFoundError
from pipeline.panel.dates import LogicalDate
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.progress import Watcher
from pipeline.vintages.recalibrate import recalibrate_study
from pipeline.vintages.retention import RetentionRule, choose_old, prune

NOW = dt.datetime.now(dt.UTC)
TEXT = growing.STUDY.replace("[investment, proportional]", "investment")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three vintages, and three sweeps of other settings."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.vintages.recalibrate._write_drift", lambda *_: None)
        path = growing.write(folder, growing.rows(6), TEXT)
        for number in (3, 4, 5):
            vintage(path, number)
        for starts in (5, 6, 7):
            run(path, starts)
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy; drift takes its time and is not asked here."""
    monkeypatch.setattr("pipeline.vintages.recalibrate._write_drift", lambda *_: None)
    return shutil.copytree(made, tmp_path / "copy")


def vintage(path, number):
    date = LogicalDate.parse(growing.week(number))
    return recalibrate_study(load_study(path), date, calibrator=slow_market.CALIBRATOR)


def run(path, starts, **options):
    study = load_study(path, [f"fit.starts={starts}"])
    return run_study(study, calibrator=slow_market.CALIBRATOR, **options)


def opened(folder):
    return Store.open(folder / "runs")


def chosen(folder, **rule):
    return choose_old(opened(folder), RetentionRule(**rule), NOW)


def size(folder):
    return sum(path.stat().st_size for path in (folder / "runs").rglob("*") if path.is_file())


def test_rules(folder):
    plain = [head for head in opened(folder).heads() if head.date is None]
    assert len(plain) == 3
    assert chosen(folder, keep=1).sweeps == tuple(plain[:2])
    assert chosen(folder, keep=0).sweeps == tuple(plain)
    assert chosen(folder, keep=3).sweeps == ()
    assert chosen(folder, older_than=3600.0).sweeps == ()
    later = NOW + dt.timedelta(hours=2)
    store = opened(folder)
    assert choose_old(store, RetentionRule(older_than=3600.0), later).sweeps == tuple(plain)
    assert choose_old(store, RetentionRule(2, 3600.0), later).sweeps == tuple(plain[:1])
    # Vintages: only those that are named, and never the last one.
    named = chosen(folder, vintages=("shops@*",))
    assert named.tags == (f"shops@{growing.week(3)}", f"shops@{growing.week(4)}")
    assert [head.date for head in named.sweeps] == [growing.week(3), growing.week(4)]
    assert named.notes == (f"shops@{growing.week(5)} stays: the next vintage goes on from it.",)
    assert chosen(folder, keep=2, vintages=("shops@*",)).tags == (f"shops@{growing.week(3)}",)
    with pytest.raises(PlanError, match="Say what may go"):
        chosen(folder)
    with pytest.raises(QueryError, match="is called mall@"):
        chosen(folder, vintages=("mall@*",))


def test_what_stays_is_whole_and_what_goes_frees_its_space(folder):
    path, before = folder / "study.yaml", size(folder)
    last = open_store(folder / "runs", date=growing.week(5))
    expected = last.fits("investment-mnl").load()
    going = chosen(folder, keep=1, vintages=(f"shops@{growing.week(3)}",))
    done = prune(opened(folder), going)
    assert done.bytes > 0
    assert size(folder) < before - done.bytes / 2
    store = opened(folder)
    assert store.tags() == (f"shops@{growing.week(4)}", f"shops@{growing.week(5)}")
    assert len(store.heads()) == len(store.sweeps()) == 3
    after = open_store(folder / "runs", date=growing.week(5)).fits("investment-mnl").load()
    assert after.identical(expected)
    assert open_store(folder / "runs", date=growing.week(4)).panel().load()["time"].size == 5
    with pytest.raises(StoreNotFoundError):
        open_store(folder / "runs", date=growing.week(3))
    # Work goes on: the next vintage from the last one, a sweep that was removed from the beginning.
    growing.write(folder, growing.rows(7), TEXT)
    report = vintage(path, 6)
    assert (report.outcome, str(report.before.date)) == ("published", growing.week(5))
    assert run(path, 5).kept == 0


def test_a_panel_that_nobody_uses_goes_with_its_sweeps(folder):
    growing.write(folder, growing.rows(9), TEXT)
    lone = run(folder / "study.yaml", 8)
    hash_ = opened(folder).sweep(lone.sweep).info.data_hash
    assert prune(opened(folder), chosen(folder, keep=0)).panels == (hash_,)


def test_nothing_is_pruned_while_somebody_works(folder):
    refused = []

    class PruneNow(Watcher):
        def planned(self, plan, kept):
            with pytest.raises(BusyError, match="is being worked on"):
                prune(opened(folder), chosen(folder, keep=0))
            refused.append(len(opened(folder).heads()))

    report = run(folder / "study.yaml", 9, watcher=PruneNow())
    assert refused == [7]
    assert report.done == 3
    prune(opened(folder), chosen(folder, keep=1))
    assert [head.name for head in opened(folder).heads() if head.date is None] == [report.sweep]


def test_an_unfinished_vintage_keeps_the_one_it_goes_on_from(folder):
    growing.write(folder, growing.rows(7), TEXT)
    stop = threading.Event()
    stop.set()
    study = load_study(folder / "study.yaml")
    date = LogicalDate.parse(growing.week(6))
    recalibrate_study(study, date, calibrator=slow_market.CALIBRATOR, stop=stop)
    going = chosen(folder, vintages=("shops@*",))
    assert f"shops@{growing.week(5)}" not in going.tags


def test_the_command_line(folder, capsys):
    before = size(folder)
    code, out, _ = beed(capsys, "prune", folder / "runs", "--keep", "1", "--dry-run")
    assert code == ExitCode.OK
    assert "2 sweeps would be removed" in out
    assert size(folder) == before
    code, out, _ = beed(capsys, "prune", folder / "runs", "--keep", "1")
    assert code == ExitCode.OK
    text = " ".join(out.split())
    assert "Removed 2 sweeps and 0 panels of data" in text
    assert "3 tags stay" in text
    code, _, err = beed(capsys, "prune", folder / "runs", "--older-than", "old")
    assert code == ExitCode.REFUSED
    assert "such as 90s" in err
