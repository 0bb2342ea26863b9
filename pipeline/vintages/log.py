"""The log of a scheduler as lines of JSON: one event a line, for programs that watch logs."""

import datetime as dt
import json
import threading
from collections.abc import Callable
from typing import Any, TextIO

from pipeline.sweep.plan import Plan
from pipeline.sweep.progress import Watcher

_LOCK = threading.Lock()


class JsonLog:
    """Writes ``{"time": ..., "level": ..., "event": ..., ...}``, one a line, without delay.

    Parameters
    ----------
    stream
        Where lines are written to.
    observer
        Told every line as well.
    facts
        Part of every line.
    """

    def __init__(
        self, stream: TextIO, observer: Callable[[dict[str, Any]], object] | None = None, **facts: object
    ) -> None:
        self._stream, self._observer, self._facts = stream, observer, facts

    def bound(self, **facts: object) -> "JsonLog":
        """Give a log with further facts in every line; those that are None are left out."""
        given = {name: value for name, value in facts.items() if value is not None}
        return JsonLog(self._stream, self._observer, **{**self._facts, **given})

    def write(self, event: str, level: str = "info", **facts: object) -> None:
        """Write one line."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": now, "level": level, "event": event, **self._facts, **facts}
        with _LOCK:
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()
        if self._observer is not None:
            self._observer(line)


class LogWatcher(Watcher):
    """Writes the progress of a run into a log."""

    def __init__(self, log: JsonLog) -> None:
        self._log = log

    def stage(self, text: str) -> None:
        """Write that a stage of the work begins."""
        self._log.write("stage", text=text)

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._log.write("note", text=text)

    def planned(self, plan: Plan, kept: int) -> None:
        """Write what there is to do."""
        self._log.write("planned", sweep=plan.sweep, fits=plan.fits, kept=kept)
