"""The embedded scheduler: recalibrates studies at the moments they name, and makes up for those it missed.

The store is its memory. Whenever a study's moment comes, all dates since its last vintage are due; so a
scheduler that was killed, or slept, or shares its store with another one, needs no state of its own.
"""

import datetime as dt
import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from pipeline.config.sections.cron import Cron
from pipeline.config.study import Study
from pipeline.errors import BeedError, BusyError, PlanError, StoreNotFoundError
from pipeline.panel.dates import LogicalDate
from pipeline.results.vintages import is_vintage, vintages_of
from pipeline.status import Status
from pipeline.store.format.layout import LOGICAL_DATE
from pipeline.store.store import Store
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.interrupt import stop_on_signals
from pipeline.vintages.log import JsonLog, LogWatcher
from pipeline.vintages.recalibrate import RecalibrationReport, recalibrate_study
from pipeline.vintages.units import schedule_of

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

#: Seconds until a store that someone else works on is looked at again.
RETRY = 5.0
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_BACK = (dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=32))
_FURTHEST = dt.timedelta(days=8 * 366)


@dataclass(frozen=True)
class Entry:
    """A study on the schedule.

    Attributes
    ----------
    name
        How the log calls it.
    load
        Reads the study and its text anew: it may have been edited.
    """

    name: str
    load: Callable[[], tuple[Study, str]]


class Scheduler:
    """Recalibrate studies when it is time, one run at a time; see `run`.

    Parameters
    ----------
    entries
        The studies.
    log
        Told everything.
    calibrator
        How models are calibrated; by default `pipeline.sweep.calibrator.default_calibrator`.
    stop
        Set it to end the scheduler, as Ctrl-C and SIGTERM do.

    Raises
    ------
    PlanError
        A study has no schedule, or two studies of one name share a store.
    ConfigError
        A study is wrong.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        log: JsonLog,
        *,
        calibrator: Calibrator | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._log, self._calibrator = log, calibrator
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
                    f"Two studies are called {key[0]} and share the store {key[1]}; name one anew."
                )
            seen.add(key)

    def run(self) -> None:
        """Work until stopped. What is under way then is interrupted; what is finished is kept."""
        clock = BackgroundScheduler(
            timezone=dt.UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for entry, cron in self._plan:
            clock.add_job(self._due.put, make_trigger(cron), args=[entry], id=entry.name)
            self._log.write("scheduled", study=entry.name, schedule=cron.text)
            # What was missed while nothing ran is due at once.
            self._due.put(entry)
        clock.start()
        try:
            with stop_on_signals(self._stop):
                while not self._stop.is_set():
                    try:
                        entry = self._due.get(timeout=0.5)
                    except queue.Empty:
                        continue
                    self._attend(entry)
        finally:
            clock.shutdown(wait=False)
            self._log.write("stopped")

    def _attend(self, entry: Entry) -> None:
        """Make the vintages of a study that are due, the oldest first."""
        try:
            study, text = entry.load()
            cron = schedule_of(study)
            newest, begun = _history(study)
            now, most = dt.datetime.now(dt.UTC), study.recalibration.catch_up
            dates, skipped = due_dates(cron, newest, now, most)
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
        """Make one vintage; False when the store is somebody else's, and later dates must wait too."""
        log = self._log.bound(study=entry.name, date=date.key)
        try:
            report = recalibrate_study(
                study,
                date,
                study_text=text,
                watcher=LogWatcher(log),
                calibrator=self._calibrator,
                stop=self._stop,
            )
        except BusyError as error:
            if (entry.name, date.key) not in self._busy:
                self._busy.add((entry.name, date.key))
                log.write("busy", reason=str(error))
            again = threading.Timer(RETRY, self._due.put, args=[entry])
            again.daemon = True
            again.start()
            return False
        except Exception as error:  # a scheduler goes on whatever becomes of one run
            self._fail(entry, date, error)
            return True
        _tell(log, report)
        return True

    def _fail(self, entry: Entry, date: LogicalDate | None, error: Exception) -> None:
        log = self._log.bound(study=entry.name, date=None if date is None else date.key)
        if isinstance(error, BeedError):
            code = int(error.exit_code)
            log.write("refused", level="error", reason=str(error), exit_code=code)
            return
        lines = traceback.format_exception(error)
        log.write(
            "failed", level="error", reason=f"{type(error).__name__}: {error}", traceback="".join(lines)
        )


def _tell(log: JsonLog, report: RecalibrationReport) -> None:
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
        In UTC.
    most
        Dates at most, the latest ones.

    Returns
    -------
    dates
        The oldest first: days, or moments where the schedule has several a day.
    skipped
        How many earlier ones there are.
    """
    if newest is None or not newest.dated:
        for back in (*_BACK, _FURTHEST):
            if found := deque(_moments(cron, now - back, now), maxlen=1):
                return (_date(cron, found[0]),), 0
        return (), 0
    begin = dt.datetime.fromisoformat(newest.key).replace(tzinfo=dt.UTC)
    begin += dt.timedelta(days=1) if cron.daily_at_most else dt.timedelta(seconds=1)
    count, kept = 0, deque[LogicalDate](maxlen=most)
    for moment in _moments(cron, begin, now):
        kept.append(_date(cron, moment))
        count += 1
    return tuple(kept), count - len(kept)


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
    """Give the date of the last vintage, and those later ones that somebody began and did not finish."""
    try:
        store = Store.open(study.store_location)
    except StoreNotFoundError:
        return None, ()
    known = vintages_of(store.tags(), study.study)
    newest = known[-1].date if known else None
    begun = (
        LogicalDate.parse(info.attributes[LOGICAL_DATE])
        for info in store.sweeps()
        if info.study == study.study and is_vintage(info)
    )
    return newest, tuple(date for date in begun if newest is None or newest < date)
