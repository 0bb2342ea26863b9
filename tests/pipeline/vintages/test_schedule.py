"""The embedded scheduler: what is due, whatever happened before; nothing twice; a log of JSON.

The tests marked `cluster` run it as a process of its own, by the real clock, on a schedule of seconds.
"""

import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import growing
import pytest
import zarr
from places import ROOT, SUPPORT

from pipeline.config.cron import parse_cron
from pipeline.config.load import load_study
from pipeline.errors import ConfigError, DataError, PlanError
from pipeline.panel.dates import LogicalDate
from pipeline.results.vintages import vintages_of
from pipeline.store.store import Store
from pipeline.sweep.progress import Watcher
from pipeline.vintages.health import HealthFile
from pipeline.vintages.limited import LimitedRun
from pipeline.vintages.log import JsonLog
from pipeline.vintages.recalibrate import recalibrate_study
from pipeline.vintages.schedule import Entry, Scheduler, due_dates

NOW = dt.datetime(2026, 3, 31, 12, 0, tzinfo=dt.UTC)  # a Tuesday
SECONDS = growing.STUDY.replace('schedule: "0 6 * * 1"', 'schedule: "*/2 * * * * *", late: null').replace(
    "[investment, proportional]", "investment"
)


def due(schedule, newest, now=NOW, most=50):
    date = None if newest is None else LogicalDate.parse(newest)
    dates, skipped = due_dates(parse_cron(schedule), date, now, most)
    return [date.key for date in dates], skipped


@pytest.mark.parametrize(
    ("schedule", "newest", "expected"),
    [
        ("0 6 * * 1", "2026-03-09", ["2026-03-16", "2026-03-23", "2026-03-30"]),
        ("0 6 * * 1", "2026-03-30", []),
        ("0 6 * * 0", "2026-03-20", ["2026-03-22", "2026-03-29"]),  # Sunday is 0, as cron has it
        ("0 13 * * *", "2026-03-29", ["2026-03-30"]),  # today at one is to come
        ("0 0 1 * *", "2026-01-15", ["2026-02-01", "2026-03-01"]),
        ("0 */6 * * *", "2026-03-31", ["2026-03-31T06:00:00", "2026-03-31T12:00:00"]),
        ("*/20 * * * * *", "2026-03-31T11:59:20", ["2026-03-31T11:59:40", "2026-03-31T12:00:00"]),
        ("0 6 * * 1", None, ["2026-03-30"]),
        ("0 0 29 2 *", None, ["2024-02-29"]),
    ],
)
def test_what_is_due(schedule, newest, expected):
    assert due(schedule, newest) == (expected, 0)


def test_there_is_an_end_to_catching_up():
    dates, skipped = due("0 6 * * *", "2026-01-01", most=3)
    assert dates == ["2026-03-29", "2026-03-30", "2026-03-31"]
    assert skipped == 86


def test_the_hour_that_comes_twice_comes_once():
    """In UTC no hour is left out or doubled when clocks change."""
    dates, _ = due("30 * * * *", "2026-03-29", dt.datetime(2026, 3, 30, tzinfo=dt.UTC))
    assert len(dates) == len(set(dates)) == 24


def entry(path):
    return Entry(load_study(path).study, lambda: (load_study(path), path.read_text()))


def test_studies_without_a_schedule_or_twice_are_refused(tmp_path):
    path = growing.write(tmp_path, growing.rows(3))
    with pytest.raises(PlanError, match="Two studies are called shops"):
        Scheduler([entry(path), entry(path)], JsonLog(io.StringIO()))
    growing.write(tmp_path, growing.rows(3), growing.STUDY.replace('schedule: "0 6 * * 1", ', ""))
    with pytest.raises(PlanError, match="has no schedule; write one into it"):
        Scheduler([entry(path)], JsonLog(io.StringIO()))


class Lines(io.StringIO):
    """A log that stops its scheduler when it has enough events of some kinds."""

    def __init__(self, stop, kinds, count):
        super().__init__()
        self.stop, self.kinds, self.left = stop, kinds, count

    def write(self, text):
        self.left -= json.loads(text)["event"] in self.kinds
        if self.left <= 0:
            self.stop.set()
        return super().write(text)


def run_until(path, kinds, count, calibrator, observer=None, metrics=None):
    """Run a scheduler until it has logged enough; returns all of it."""
    stop = threading.Event()
    stream = Lines(stop, kinds, count)
    log = JsonLog(stream, observer)
    Scheduler([entry(path)], log, stop=stop, calibrator=calibrator, metrics=metrics).run()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_missed_dates_are_made_up_for_in_order_and_refusals_do_not_stop_it(tmp_path, monkeypatch):
    import slow_market

    rows = growing.rows(12)
    path = growing.write(tmp_path, [row for row in rows if row["week"] != growing.week(10)])
    from pipeline.vintages.recalibrate import recalibrate_study

    recalibrate_study(load_study(path), LogicalDate.parse(growing.week(8)), calibrator=slow_market.CALIBRATOR)

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(growing.week(11)).replace(hour=7, tzinfo=tz)

    monkeypatch.setattr("pipeline.vintages.schedule.dt.datetime", Clock)
    growing.write(
        tmp_path,
        [row | {"sales": row["sales"] * (0.3 if row["week"] == growing.week(10) else 1)} for row in rows],
    )
    events = run_until(path, ("published", "refused"), 3, slow_market.CALIBRATOR)
    told = [(one["event"], one.get("date")) for one in events if one["event"] in ("published", "refused")]
    assert told == [
        ("published", growing.week(9)),
        ("refused", growing.week(10)),
        ("refused", growing.week(11)),
    ]
    assert "market 1, period" in next(one["reason"] for one in events if one["event"] == "refused")
    assert events[0]["event"] == "scheduled"
    assert events[-1]["event"] == "stopped"
    assert all(one["time"].endswith("Z") and one["level"] for one in events)
    # The data have been put right: what was refused is due again.
    growing.write(tmp_path, rows)
    told = [one.get("date") for one in run_until(path, ("published",), 2, slow_market.CALIBRATOR)]
    assert list(dict.fromkeys(told))[1:] == [growing.week(10), growing.week(11)]


@pytest.mark.parametrize("stubborn", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_run_that_hangs_is_reported_and_the_next_date_comes(tmp_path, monkeypatch, stubborn):
    """Told to stop it does so in order; when it hangs and cannot, its process is killed."""
    import slow_market

    monkeypatch.setenv("SLOW_TRACE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    if stubborn:
        monkeypatch.setenv("SLOW_HANG", "2")
        monkeypatch.setattr("pipeline.vintages.limited.GRACE", 1.0)
    else:
        monkeypatch.setenv("SLOW_SECONDS", "2")
    begun = tmp_path / ("hung" if stubborn else "investment-mnl-1")
    # Ten minutes are over as soon as the first date is in the middle of its work.
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 700.0 * begun.exists())
    monkeypatch.setattr("pipeline.vintages.limited.time", clock)
    text = growing.STUDY.replace("starts: 1}", "starts: 1, late: null, time_limit: 10m}")
    path = growing.write(tmp_path, growing.rows(3), text)
    dates = tuple(LogicalDate.parse(growing.week(number)) for number in (1, 2))
    monkeypatch.setattr("pipeline.vintages.schedule.due_dates", lambda *_: (dates, 0))
    health, metrics = HealthFile(tmp_path / "health.json"), tmp_path / "metrics.jsonl"
    seen = []

    def observe(line):
        health.observe(line)
        seen.append(json.loads((tmp_path / "health.json").read_text()))
        if line["event"] == "timed_out":
            monkeypatch.delenv("SLOW_SECONDS", raising=False)

    calibrator = slow_market.CALIBRATOR
    told = run_until(path, ("timed_out", "published"), 2, calibrator, observe, metrics)
    ends = [line for line in told if line["event"] in ("timed_out", "published")]
    assert [(line["event"], line["date"]) for line in ends] == [
        ("timed_out", growing.week(1)),
        ("published", growing.week(2)),
    ]
    assert ends[0]["exit_code"] == 8
    assert "longer than recalibration.time_limit = 10m" in ends[0]["reason"]
    assert ("was killed" in ends[0]["reason"]) == stubborn
    assert next(one["running"]["date"] for one in seen if one["running"]) == growing.week(1)
    states = [(one["ok"], one["studies"].get("shops", {}).get("event")) for one in seen]
    assert list(dict.fromkeys(states)) == [(True, None), (False, "timed_out"), (True, "published")]
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [(line["date"], line["exit_code"]) for line in lines] == [
        (growing.week(1), 8),
        (growing.week(2), 0),
    ]
    assert lines[1]["outcome"] == "published"


def test_refusals_come_out_of_a_process_of_its_own_as_they_are(tmp_path):
    path = growing.write(tmp_path, growing.rows(3))
    study = load_study(path, ["recalibration.time_limit=1h"])
    run = LimitedRun(recalibrate_study, study, LogicalDate.parse("2019-01-07"), "", None)
    with pytest.raises(DataError) as caught:
        run.go(60, Watcher(), threading.Event())
    assert caught.value.problems


def test_the_health_file_beats(tmp_path, monkeypatch):
    path = tmp_path / "health.json"
    health = HealthFile(path)
    path.unlink()
    health.beat()
    assert not path.exists()
    monkeypatch.setattr("pipeline.vintages.health.BEAT", 0.0)
    health.beat()
    assert json.loads(path.read_text())["ok"]
    with pytest.raises(PlanError, match="cannot be written"):
        HealthFile(tmp_path / "no" / "health.json")


def test_a_study_that_breaks_meanwhile_is_a_line_in_the_log(tmp_path):
    path = growing.write(tmp_path, growing.rows(3), SECONDS)
    study = load_study(path)
    broken = [(study, ""), ConfigError("Study x", [])]

    def load():
        found = broken[0] if len(broken) > 1 else broken[-1]
        if len(broken) > 1:
            broken.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    stop, stream = threading.Event(), io.StringIO()
    threading.Timer(1.0, stop.set).start()
    Scheduler([Entry("shops", load)], JsonLog(stream), stop=stop).run()
    refused = [json.loads(line) for line in stream.getvalue().splitlines() if '"refused"' in line]
    assert refused
    assert refused[0]["exit_code"] == 2


def start(path, seconds="0"):
    """Start `beed schedule` with fits that only wait, in a process group of its own."""
    paths = os.pathsep.join([str(SUPPORT), str(ROOT)])
    more = {"SLOW_SECONDS": seconds, "SLOW_CHUNK": "4", "SLOW_TRACE": str(path.parent / "trace")}
    log = (path.parent / f"log-{len(list(path.parent.glob('log-*')))}").open("w")
    with log:
        return subprocess.Popen(
            [sys.executable, str(SUPPORT / "slow_market.py"), str(path)],
            env=os.environ | {"PYTHONPATH": paths, "SLOW_COMMAND": "schedule", **more},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=path.parent,
        )


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def tags(folder):
    try:
        return [vintage.tag for vintage in vintages_of(Store.open(folder / "runs").tags())]
    except OSError:
        return []


def events(folder):
    lines = [line for path in sorted(folder.glob("log-*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.endswith("}")]


def committed(folder):
    """Fits that a reader sees in the newest sweep."""
    try:
        store = Store.open(folder / "runs")
        name = store.sweeps()[-1].name
        path = f"sweeps/{name}/fits/investment-mnl/status"
        return int((zarr.open_array(store.session().store, path=path, mode="r")[...] == 1).sum())
    except (OSError, IndexError):
        return 0


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "trace").mkdir()
    growing.write(tmp_path, growing.rows(4, markets=range(40)), SECONDS)
    return tmp_path


@pytest.mark.cluster
def test_killed_in_the_middle_and_started_again_it_goes_on(folder):
    path = folder / "study.yaml"
    process = start(path, seconds="0.2")
    wait_for(lambda: committed(folder) > 0)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = committed(folder)
    assert 0 < kept < 40
    assert tags(folder) == []
    (first,) = (info.name for info in Store.open(folder / "runs").sweeps())
    before = {one.name: len(one.read_text().splitlines()) for one in (folder / "trace").iterdir()}
    process = start(path)
    wait_for(lambda: len(tags(folder)) >= 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert first.split("-")[-1] in {info.name.split("-")[-1] for info in Store.open(folder / "runs").sweeps()}
    done = [one for one in events(folder) if one["event"] == "published"]
    assert done[0]["date"] in first or done[0]["date"].replace(":", "-") in first, (
        "the date begun comes first"
    )
    # What had been committed was not fitted again; what was under way when it was killed was.
    after = {one.name: len(one.read_text().splitlines()) for one in (folder / "trace").iterdir()}
    again = [name for name, count in after.items() if before.get(name, 0) and count > before[name]]
    assert len(after) == 40
    assert len(again) <= len(before) - kept
    assert [one["fitted"] for one in done[1:]] == [0] * (len(done) - 1), "nothing has changed since"
    moments = [dt.datetime.fromisoformat(one["date"]) for one in done[1:]]
    assert all(moment.second % 2 == 0 for moment in moments)


@pytest.mark.cluster
def test_two_schedulers_share_a_store(folder):
    """Each date is made once; when one is killed the other takes over."""
    path = folder / "study.yaml"
    one = start(path, seconds="0.1")
    wait_for(lambda: committed(folder) > 0)
    two = start(path)
    wait_for(lambda: any(event["event"] == "busy" for event in events(folder)))
    assert f"process {one.pid} on " in next(e["reason"] for e in events(folder) if e["event"] == "busy")
    os.killpg(one.pid, signal.SIGKILL)
    one.wait()
    wait_for(lambda: len(tags(folder)) >= 2)
    three = start(path)
    wait_for(lambda: sum(event["event"] == "scheduled" for event in events(folder)) == 3)
    wait_for(lambda: len(tags(folder)) >= 4)
    for process in (two, three):
        process.send_signal(signal.SIGTERM)
    assert (two.wait(30), three.wait(30)) == (0, 0)
    made = Counter(event["tag"] for event in events(folder) if event["event"] == "published")
    assert set(made.values()) == {1}
    assert sorted(made) == sorted(tags(folder))
