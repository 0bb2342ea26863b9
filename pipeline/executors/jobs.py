"""What an engine and its caller tell each other: how a job ended, and what to call while jobs run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class JobOutcome[Job, Result]:
    """How one job ended: with a result, or with an exception.

    Attributes
    ----------
    job
        As it was given.
    result, error
        One of them, the other is None.
    crashed
        The job took its worker process down twice, the second time running alone; `error` and `result` are
        None then.
    """

    job: Job
    result: Result | None = None
    error: Exception | None = None
    crashed: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether there is a result."""
        return self.error is None and not self.crashed


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Hooks[Job, Result]:
    """What an engine calls while it runs, always from the thread that called `pipeline.executors.execute`.

    Attributes
    ----------
    on_outcome
        Called with a `JobOutcome` for every job that ended.
    on_tick
        Called with the number of worker threads, a few times a second (serial: after every job), so that
        the caller can commit and draw.
    on_note
        Called with a sentence worth a line: where a dashboard is, where dask's log is.
    stop
        Once set, no further job is started; those in flight get `grace` seconds to finish.
    precompile
        ``"module:function"`` called once in every worker process before its first job; loads compiled code,
        or compiles it.
    grace
        Seconds.
    """

    on_outcome: Callable[[JobOutcome[Job, Result]], object]
    on_tick: Callable[[int], object] = _ignore
    on_note: Callable[[str], object] = _ignore
    stop: threading.Event = field(default_factory=threading.Event)
    precompile: str | None = None
    grace: float = 5.0
