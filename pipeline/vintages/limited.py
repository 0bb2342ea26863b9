"""One recalibration in a process of its own, which can be ended from outside when it hangs."""

import contextlib
import multiprocessing
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import psutil

from pipeline.config.study import Study
from pipeline.errors import ClusterError, TimeLimitError
from pipeline.panel.dates import LogicalDate
from pipeline.signals import stop_on_signals
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.plan import Plan
from pipeline.sweep.progress import Watcher

#: Seconds between the wish to stop and the end by force.
GRACE = 60.0
_TICK = 0.2


class Report(Protocol):
    """How a recalibration ended."""

    @property
    def outcome(self) -> str:
        """Whether it was ``interrupted``."""


@dataclass(frozen=True)
class LimitedRun[Ended: Report]:
    """What a recalibration is asked; travels to its process.

    Attributes
    ----------
    work
        `pipeline.vintages.recalibrate.recalibrate_study`, or what is called like it.
    study, date, study_text, calibrator
        As for `pipeline.vintages.recalibrate.recalibrate_study`.
    """

    work: Callable[..., Ended]
    study: Study
    date: LogicalDate
    study_text: str
    calibrator: Calibrator | None

    def go(self, seconds: float, watcher: Watcher, stop: threading.Event) -> Ended:
        """Recalibrate within a time; errors are those of `work`.

        Parameters
        ----------
        seconds
            When these are up the run is stopped in order, and some time later by force.
        watcher
            Told how it goes.
        stop
            Set it to end the run early.

        Raises
        ------
        TimeLimitError
            The time was up; what was committed is kept.
        ClusterError
            The process died.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(self, theirs), name="beed recalibrate")
        process.start()
        theirs.close()
        try:
            return self._follow(process, ours, seconds, watcher, stop)
        finally:
            _kill(process)
            ours.close()

    def _follow(
        self,
        process: BaseProcess,
        ours: "Connection[Any, Any]",
        seconds: float,
        watcher: Watcher,
        stop: threading.Event,
    ) -> Ended:
        deadline, forced, late = time.monotonic() + seconds, float("inf"), False
        while True:
            now = time.monotonic()
            if forced == float("inf") and (now > deadline or stop.is_set()):
                late, forced = not stop.is_set(), now + GRACE
                process.terminate()  # SIGTERM: stop in order
            if now > forced:
                raise self._too_long("and did not stop when told, so it was killed")
            if not ours.poll(_TICK):
                continue
            try:
                kind, content = ours.recv()
            except EOFError:
                if late:
                    raise self._too_long("and was stopped") from None
                raise ClusterError(
                    f"The process of the recalibration for {self.date} died. What was committed before is "
                    "kept: it goes on from there when the date is due again."
                ) from None
            if kind == "report":
                if late and content.outcome == "interrupted":
                    raise self._too_long("and was stopped")
                report: Ended = content
                return report
            if kind == "error":
                raise content
            getattr(watcher, kind)(*content)

    def _too_long(self, what: str) -> TimeLimitError:
        limit = self.study.recalibration.time_limit
        return TimeLimitError(
            f"The recalibration for {self.date} took longer than recalibration.time_limit = {limit} {what}; "
            "what it has finished is kept, and `beed recalibrate` with this date goes on from there."
        )


def _work(run: LimitedRun[Any], connection: "Connection[Any, Any]") -> None:
    """Do the work, in the process of its own."""
    stop = threading.Event()
    with stop_on_signals(stop):
        try:
            report = run.work(
                run.study,
                run.date,
                study_text=run.study_text,
                watcher=_Teller(connection),
                calibrator=run.calibrator,
                stop=stop,
            )
            message: tuple[str, object] = ("report", report)
        except Exception as error:
            message = ("error", _portable(error))
        with contextlib.suppress(BrokenPipeError):
            connection.send(message)


def _portable(error: Exception) -> Exception:
    """Make an error that can be sent, with where it happened."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # what an error holds may be anything
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(text)
    return error


class _Teller(Watcher):
    """Sends what a watcher hears to the process that has it."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection

    def stage(self, text: str) -> None:
        self._connection.send(("stage", (text,)))

    def note(self, text: str) -> None:
        self._connection.send(("note", (text,)))

    def planned(self, plan: Plan, kept: int) -> None:
        self._connection.send(("planned", (plan, kept)))


def _kill(process: BaseProcess) -> None:
    """End a process and all that it has started; those that have ended by themselves are no trouble."""
    if process.is_alive() and process.pid is not None:
        process.join(_TICK)
    with contextlib.suppress(psutil.NoSuchProcess):
        if process.is_alive():
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.kill()
    process.join()
    process.close()
