"""Every error that beed raises on purpose, the record of one problem, and the exit codes of the shell."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What ``beed`` tells the shell when it ends."""

    OK = 0
    FAILURE = 1
    """Something went wrong that beed did not foresee, or work was left undone."""
    REFUSED = 2
    """The study, the data or the arguments were refused; nothing was written."""
    DRIFT = 3
    """The work is done, and parameters have drifted beyond the study's thresholds."""
    STORE = 4
    """The store is missing, damaged, of another format, or cannot be written."""
    CLUSTER = 5
    """The cluster cannot be reached or lost its workers for good."""
    BUSY = 6
    """Someone else is doing this work at the moment."""
    NO_FIT = 7
    """The work is done, and not a single fit has a usable result."""
    TIME_UP = 8
    """The time given was up first; everything finished has been kept."""
    UNREACHABLE = 9
    """The question was answered, and the answer is that the target cannot be reached with these means."""
    HANGUP = 129
    """SIGHUP: the terminal was closed; everything finished has been kept."""
    INTERRUPTED = 130
    """Ctrl-C: everything finished has been kept."""
    TERMINATED = 143
    """SIGTERM: everything finished has been kept."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what the user gave, and how to put it right.

    Parameters
    ----------
    file
        The file the problem is in; empty when it came from elsewhere (the command line).
    line
        Line in that file, from 1; None when there is no such thing.
    key
        Where: a dotted key of a study (``fit.method``), a column, or ``market 5, firm B, period 12``.
    got, expected
        What was found, and what would have been right; each a piece of a sentence.
    hint
        What to do about it, a sentence of its own; may be empty.
    """

    file: str
    line: int | None
    key: str
    got: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = ": ".join(part for part in (place, self.key) if part)
        sentence = f"got {self.got}; expected {self.expected}."
        return " ".join(part for part in (f"{where}: {sentence}" if where else sentence, self.hint) if part)


class BeedError(Exception):
    """Root of the tree: everything beed refuses or cannot do.

    Examples
    --------
    >>> import beed
    >>> try:
    ...     beed.open_store("runs/nowhere")
    ... except beed.BeedError as error:
    ...     print(error)
    There is no store at runs/nowhere; ...
    """

    exit_code: ExitCode = ExitCode.FAILURE


class ProblemsError(BeedError):
    """Problems gathered over a whole check and raised at once.

    Attributes
    ----------
    heading
        What was being checked, a piece of a sentence.
    problems
        All that was found, in the order of the input.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, heading: str, problems: Iterable[Problem]) -> None:
        self.heading = heading
        self.problems = tuple(problems)
        # Exceptions are rebuilt from their arguments when they come back from a worker.
        super().__init__(heading, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        return "\n".join(
            [f"{self.heading}: {count} problem{'' if count == 1 else 's'}."]
            + [f"  {problem}" for problem in self.problems]
        )


class ConfigError(ProblemsError, ValueError):
    """The study file says something that cannot be meant."""


class DataError(ProblemsError, ValueError):
    """The data cannot be turned into a panel of markets."""


class PlanError(BeedError, ValueError):
    """The work asked for cannot be done with the means at hand; said before any of it starts."""

    exit_code = ExitCode.REFUSED


class ForecastError(BeedError, ArithmeticError):
    """Future shares that cannot be computed from these parameters and efforts."""


class QueryError(BeedError, ValueError):
    """A question to the store that has no answer as it was put."""

    exit_code = ExitCode.REFUSED


class StoreError(BeedError, OSError):
    """The store cannot be read or written."""

    exit_code = ExitCode.STORE


class StoreNotFoundError(StoreError, FileNotFoundError):
    """There is no store, or no such sweep or model in it."""


class StoreFormatError(StoreError):
    """The store was written in a format that this version does not read."""


class StoreConflictError(StoreError):
    """Others changed the same part of the store in the meantime."""


class ClusterError(BeedError, ConnectionError):
    """The cluster cannot be reached, or lost its workers for good."""

    exit_code = ExitCode.CLUSTER


class TimeLimitError(BeedError, TimeoutError):
    """Work that took longer than it was given, and was stopped."""

    exit_code = ExitCode.TIME_UP


class BusyError(BeedError, BlockingIOError):
    """Someone else is doing this work at the moment."""

    exit_code = ExitCode.BUSY
