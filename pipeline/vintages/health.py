"""The state of a scheduler in a small file, for monitors: written at every event and every half minute."""

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

from pipeline.errors import PlanError

#: Seconds between two times that the file is written while nothing happens.
BEAT = 30.0
#: Events that end a date, and whether it is well then.
_OUTCOMES = {
    "published": True,
    "done": True,
    "interrupted": False,
    "refused": False,
    "failed": False,
    "timed_out": False,
}
_KEPT = ("time", "event", "date", "reason", "exit_code")


class HealthFile:
    """Keeps a file up to date with how the studies of a scheduler are.

    Parameters
    ----------
    path
        The file: JSON with ``time`` (when it was written), ``pid``, ``ok`` (false when the last date of some
        study was not published), ``running`` (study, date, and since when; or null) and ``studies`` (the last
        outcome of each, with its reason).

    Raises
    ------
    PlanError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: dict[str, Any] | None = None
        self._studies: dict[str, dict[str, Any]] = {}
        self._last = 0.0
        self._write()

    def observe(self, line: dict[str, Any]) -> None:
        """Take in a line of the log."""
        event, study = line["event"], line.get("study")
        if event == "started":
            self._running = {"study": study, "date": line.get("date"), "since": line["time"]}
        elif event in _OUTCOMES:
            self._running = None
            self._studies[str(study)] = {key: line[key] for key in _KEPT if key in line}
        elif event in ("busy", "stopped"):
            self._running = None
        elif event == "drift":
            self._studies.setdefault(str(study), {})["drift"] = line.get("alarm")
        self._write()

    def beat(self) -> None:
        """Show that the scheduler lives; call it as often as you like."""
        if time.monotonic() - self._last >= BEAT:
            self._write()

    def _write(self) -> None:
        self._last = time.monotonic()
        content = {
            "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "pid": os.getpid(),
            "ok": all(_OUTCOMES.get(one.get("event", ""), True) for one in self._studies.values()),
            "running": self._running,
            "studies": self._studies,
        }
        # Whoever reads it sees the old one or the new one, never half of it.
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise PlanError(f"--health {self._path} cannot be written: {error.strerror}.") from error
