"""The embedded scheduler: recalibrates studies at the moments they name, and makes up for those it missed.

It keeps no state but what is in the store. When the moment of a study comes, all dates since its last vintage
are due; so a scheduler may be killed, sleep, or share its store with another one.
"""

import datetime as dt
import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from pipeline.config.cron import Cron
from pipeline.config.study import Study
from pipeline.errors import BeedError, BusyError, PlanError, StoreNotFoundError, TimeLimitError
from pipeline.panel.dates import LogicalDate
from pipeline.results.vintages import vintages_of
from pipeline.signals import Stopped, stop_on_signals
from pipeline.status import Status
from pipeline.store.store import Store
from pipeline.sweep.attempts.metrics import RunRecord, measured
from pipeline.sweep.calibrator import Calibrator
from pipeline.vintages.limited import LimitedRun
from pipeline.vintages.log import JsonLog, LogWatcher
from pipeline.vintages.recalibrate import RecalibrationReport, recalibrate_study
from pipeline.vintages.units import schedule_of

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

#: Seconds until a store that someone else is working on is tried again.
RETRY = 5.0
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# How far back the last moment of a schedule is looked for, the shortest span first; 29 February may be eight
# years ago.
_LOOK_BACK = (
    dt.timedelta(minutes=1),
    dt.timedelta(hours=1),
    dt.timedelta(days=1),
    dt.timedelta(days=32),
    dt.timedelta(days=8 * 366),
)


@dataclass(frozen=True)
class Entry:
    """A study on the schedule.

    Attributes
    ----------
    name
        Its name in the log.
    load
        Reads the study and its text again, since it may have been edited.
    """

    name: str
    load: Callable[[], tuple[Study, str]]


class Scheduler:
    """Recalibrate studies when they are due, one at a time; see `run`.

    Parameters
    ----------
    entries
        The studies.
    log
        Receives all events.
    calibrator
        How models are calibrated; by default `pipeline.sweep.calibrator.default_calibrator`.
    stop
        Set it to end the scheduler, as Ctrl-C and SIGTERM do.
    metrics
        A file that gets a line for every date that was tried: see `pipeline.sweep.attempts.metrics`.
    beat
        Called a few times a second while nothing is due.

    Raises
    ------
    PlanError
        A study has no schedule, or two studies of one name share a store.
    ConfigError
        A study has errors.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        log: JsonLog,
        *,
        calibrator: Calibrator | None = None,
        stop: threading.Event | None = None,
        metrics: Path | None = None,
        beat: Callable[[], object] | None = None,
    ) -> None:
        self._log, self._calibrator, self._metrics, self._beat = log, calibrator, metrics, beat
        self._stop = stop or threading.Event()
        self._due: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._busy: set[tuple[str, str]] = set()
        self._plan: list[tuple[Entry, Cron]] = []
        seen: set[tuple[str, str]] = set()
        for entry in entries:
            study, _ = entry.load()
            self._plan.append((entry, schedule_of(study)))
            key = (study.study, study.store_location)
            if key in seen:
                raise PlanError(
                    f"Two studies are called {key[0]} and share the store {key[1]}; rename one of them."
                )
            seen.add(key)

    def run(self) -> None:
        """Work until stopped; a run under way is then interrupted, and what it has finished is kept."""
        clock = BackgroundScheduler(
            timezone=dt.UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        try:
            # Before the log says that it is there: from then on a stop is in order.
            with stop_on_signals(self._stop):
                for entry, cron in self._plan:
                    clock.add_job(self._due.put, make_trigger(cron), args=[entry], id=entry.name)
                    self._log.write("scheduled", study=entry.name, schedule=cron.text)
                    # Dates that were missed while nothing ran are due at once.
                    self._due.put(entry)
                clock.start()
                while not self._stop.is_set():
                    try:
                        entry = self._due.get(timeout=0.5)
                    except queue.Empty:
                        if self._beat is not None:
                            self._beat()
                        continue
                    self._catch_up(entry)
        except Stopped:
            pass  # what is finished has been kept, and that is all that a scheduler is asked for
        finally:
            if clock.running:
                clock.shutdown(wait=False)
            self._log.write("stopped")

    def _catch_up(self, entry: Entry) -> None:
        """Make the vintages of a study that are due, the oldest first."""
        try:
            study, text = entry.load()
            cron = schedule_of(study)
            newest, begun = _history(study)
            dates, skipped = due_dates(cron, newest, dt.datetime.now(dt.UTC), study.recalibration.catch_up)
            dates = tuple(sorted({*begun, *dates}))
        except BeedError as error:
            self._fail(entry, None, error)
            return
        if skipped:
            self._log.write("skipped", level="warning", study=entry.name, dates=skipped)
        for date in dates:
            if self._stop.is_set() or not self._recalibrate(entry, study, text, date):
                return

    def _recalibrate(self, entry: Entry, study: Study, text: str, date: LogicalDate) -> bool:
        """Make one vintage; False when someone else works on the store, so that later dates must wait."""
        log = self._log.bound(study=entry.name, date=date.key)
        if (entry.name, date.key) not in self._busy:
            log.write("started")
        try:
            with measured(self._metrics, "schedule") as record:
                record.study, record.facts["date"] = study.study, date.key
                report = self._attempt(study, text, date, log, record)
        except BusyError as error:
            if (entry.name, date.key) not in self._busy:
                self._busy.add((entry.name, date.key))
                log.write("busy", reason=str(error))
            again = threading.Timer(RETRY, self._due.put, args=[entry])
            again.daemon = True
            again.start()
            return False
        except Exception as error:  # a scheduler goes on when one run fails
            self._fail(entry, date, error)
            return True
        _log_report(log, report)
        return True

    def _attempt(
        self, study: Study, text: str, date: LogicalDate, log: JsonLog, record: RunRecord
    ) -> RecalibrationReport:
        """Recalibrate, in a process of its own where the time is limited."""
        watcher, limit = LogWatcher(log), study.recalibration.seconds
        try:
            if limit is not None:
                run = LimitedRun(recalibrate_study, study, date, text, self._calibrator)
                report = run.go(limit, watcher, self._stop)
            else:
                report = recalibrate_study(
                    study,
                    date,
                    study_text=text,
                    watcher=watcher,
                    calibrator=self._calibrator,
                    stop=self._stop,
                )
        except BusyError:
            record.kept = False  # it is tried again in a moment
            raise
        record.report, record.facts["outcome"] = report.run, report.outcome
        record.exit_code = int(report.exit_code)
        return report

    def _fail(self, entry: Entry, date: LogicalDate | None, error: Exception) -> None:
        log = self._log.bound(study=entry.name, date=None if date is None else date.key)
        if isinstance(error, BeedError):
            code = int(error.exit_code)
            event = "timed_out" if isinstance(error, TimeLimitError) else "refused"
            log.write(event, level="error", reason=str(error), exit_code=code)
            return
        lines = traceback.format_exception(error)
        log.write(
            "failed", level="error", reason=f"{type(error).__name__}: {error}", traceback="".join(lines)
        )


def _log_report(log: JsonLog, report: RecalibrationReport) -> None:
    facts: dict[str, Any] = {"tag": report.vintage.tag, "store": report.store}
    if report.run is not None:
        failures = {Status(code).name.lower(): count for code, count in report.run.failures.items()}
        facts |= {"fitted": report.fitted, "carried": report.carried, "failures": failures}
        facts |= {"seconds": round(report.run.seconds, 3), "unfinished": list(report.run.unfinished)}
    log.write(report.outcome, **facts)
    drift = report.drift
    if drift is not None and report.outcome == "published":
        level = "warning" if drift.alarm else "info"
        count = int(drift.drifted.sum())
        log.write("drift", level=level, since=drift.since, alarm=drift.alarm, drifted=count)


def make_trigger(cron: Cron) -> "BaseTrigger":
    """Make APScheduler's trigger for a schedule, in UTC.

    By fields: its own reading of crontabs counts weekdays from Monday, where cron counts from Sunday.
    """

    def listed(numbers: tuple[int, ...] | None) -> str:
        return "*" if numbers is None else ",".join(map(str, numbers))

    days = "*" if cron.weekday is None else ",".join(_WEEKDAYS[day] for day in cron.weekday)
    return CronTrigger(
        second=listed(cron.second),
        minute=listed(cron.minute),
        hour=listed(cron.hour),
        day=listed(cron.day),
        month=listed(cron.month),
        day_of_week=days,
        timezone=dt.UTC,
    )


def due_dates(
    cron: Cron, newest: LogicalDate | None, now: dt.datetime, most: int
) -> tuple[tuple[LogicalDate, ...], int]:
    """List the dates of a schedule after the newest vintage, up to now.

    Parameters
    ----------
    cron
        The schedule.
    newest
        Date of the last vintage; without one, the last moment of the schedule alone is due.
    now
        The present moment, in UTC.
    most
        Number of dates, the latest ones, that are made up for.

    Returns
    -------
    dates
        The oldest first: days, or moments where the schedule has several a day.
    skipped
        How many earlier dates are left out.
    """
    if newest is None or not newest.dated:
        for back in _LOOK_BACK:
            if last := deque(_moments(cron, now - back, now), maxlen=1):
                return (_date(cron, last[0]),), 0
        return (), 0
    begin = dt.datetime.fromisoformat(newest.key).replace(tzinfo=dt.UTC)
    begin += dt.timedelta(days=1) if cron.daily_at_most else dt.timedelta(seconds=1)
    count, latest = 0, deque[LogicalDate](maxlen=most)
    for moment in _moments(cron, begin, now):
        latest.append(_date(cron, moment))
        count += 1
    return tuple(latest), count - len(latest)


def _moments(cron: Cron, begin: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    trigger = make_trigger(cron)
    moment = trigger.get_next_fire_time(None, begin)
    while moment is not None and moment <= end:
        yield moment
        moment = trigger.get_next_fire_time(None, moment + dt.timedelta(seconds=1))


def _date(cron: Cron, moment: dt.datetime) -> LogicalDate:
    if cron.daily_at_most:
        moment = moment.replace(hour=0, minute=0, second=0)
    return LogicalDate.of(moment)


def _history(study: Study) -> tuple[LogicalDate | None, tuple[LogicalDate, ...]]:
    """Give the date of the last vintage, and the later dates that were begun and not finished."""
    try:
        store = Store.open(study.store_location)
    except StoreNotFoundError:
        return None, ()
    vintages = vintages_of(store.tags(), study.study)
    newest = vintages[-1].date if vintages else None
    begun = (
        LogicalDate.parse(head.date)
        for head in store.heads()
        if head.study == study.study and head.date is not None
    )
    return newest, tuple(date for date in begun if newest is None or newest < date)
