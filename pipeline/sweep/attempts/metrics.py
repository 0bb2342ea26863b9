"""What a run came to as one line of JSON, for those who watch many runs."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import BeedError, ExitCode, PlanError
from pipeline.sweep.report import RunReport


@dataclass
class RunRecord:
    """Filled in while a command runs, as far as it gets.

    Attributes
    ----------
    study
        Name of the study.
    report
        How its fits ended.
    facts
        Anything else worth a key.
    exit_code
        How the block ended; an exception that has one of its own sets it.
    kept
        Whether the line is written.
    """

    study: str | None = None
    report: RunReport | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    exit_code: int = ExitCode.OK.value
    kept: bool = True


@contextmanager
def measured(path: Path | None, command: str) -> Iterator[RunRecord]:
    """Append a line to a file when the block ends, however it ends.

    Parameters
    ----------
    path
        The file; None: nothing is written.
    command
        Which command of beed runs.

    Raises
    ------
    PlanError
        The file cannot be written; said before the block begins.
    """
    if path is not None:
        _append(path, "")
    start, record = time.monotonic(), RunRecord()
    try:
        yield record
    except KeyboardInterrupt:
        record.exit_code = ExitCode.INTERRUPTED.value
        raise
    except BaseException as error:
        # Errors of beed have one, and so has the exception by which a command line is left.
        record.exit_code = int(getattr(error, "exit_code", ExitCode.FAILURE))
        if isinstance(error, BeedError):
            record.facts["error"] = str(error)
        elif not hasattr(error, "exit_code"):
            record.facts["error"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        if path is not None and record.kept:
            _append(path, json.dumps(_line(record, command, time.monotonic() - start)) + "\n")


def _line(record: RunRecord, command: str, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "command": command,
        "study": record.study,
    }
    if record.report is not None:
        facts |= record.report.facts()
    return facts | {
        "seconds": round(seconds, 3),
        **_peak_bytes(),
        "exit_code": record.exit_code,
        **record.facts,
    }


def _peak_bytes() -> dict[str, int]:
    """Give the largest memory that this process had, and the largest of its children that have ended."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "peak_bytes_of_a_worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit,
    }


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise PlanError(f"--metrics {path} cannot be written: {error.strerror}.") from error
