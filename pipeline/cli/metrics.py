"""What a run came to as one line of JSON, for those who watch many runs."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipeline.errors import BeedError, ExitCode, PlanError

if TYPE_CHECKING:
    from pipeline.sweep.run import RunReport


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
    """

    study: str | None = None
    report: "RunReport | None" = None
    facts: dict[str, Any] = field(default_factory=dict)


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
    start, record, code = time.monotonic(), RunRecord(), ExitCode.OK.value
    try:
        yield record
    except typer.Exit as error:
        code = int(error.exit_code)
        raise
    except BeedError as error:
        code = error.exit_code.value
        record.facts["error"] = str(error)
        raise
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED.value
        raise
    except BaseException as error:
        code = ExitCode.FAILURE.value
        record.facts["error"] = f"{type(error).__name__}: {error}"
        raise
    finally:
        if path is not None:
            _append(path, json.dumps(_line(record, command, time.monotonic() - start, code)) + "\n")


def _line(record: RunRecord, command: str, seconds: float, code: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "command": command,
        "study": record.study,
    }
    if record.report is not None:
        facts |= record.report.facts()
    return facts | {
        "seconds": round(seconds, 3),
        "peak_bytes": _peak_bytes(resource.RUSAGE_SELF),
        "peak_bytes_of_a_worker": _peak_bytes(resource.RUSAGE_CHILDREN),
        "exit_code": code,
        **record.facts,
    }


def _peak_bytes(who: int) -> int:
    """Give the largest memory that this process had, or the largest one of its children that have ended."""
    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise PlanError(f"--metrics {path} cannot be written: {error.strerror}.") from error
