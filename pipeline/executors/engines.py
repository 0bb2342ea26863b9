"""Run jobs on any engine: one function, the same answers.

The serial engine is the reference. The others are dask clusters and differ only in how they get a client:

======= ==================================================== =================================
kind    workers                                              module
======= ==================================================== =================================
serial  none, the work is done in this process               :mod:`pipeline.executors.serial`
local   processes of one thread each on this computer        :mod:`pipeline.executors.local`
address those of a dask scheduler that runs already          :mod:`pipeline.executors.address`
slurm   jobs of a SLURM queue, through dask-jobqueue         :mod:`pipeline.executors.slurm`
======= ==================================================== =================================
"""

import importlib
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError

#: Kind of cluster -> module with a function ``run(jobs, work, settings, hooks)``. Modules are imported
#: on use: a serial run never loads dask.
ENGINES: dict[str, str] = {
    "serial": "pipeline.executors.serial",
    "local": "pipeline.executors.local",
    "address": "pipeline.executors.address",
    "slurm": "pipeline.executors.slurm",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one job: a result, or the exception that ended it.

    `crashed` tells that the job took its worker process down, twice and the second time running alone; then
    `error` is None and `result` is None.
    """

    job: Any
    result: Any = None
    error: Exception | None = None
    crashed: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether there is a result."""
        return self.error is None and not self.crashed


def _nothing(*_: Any) -> None:
    """Ignore the news."""


@dataclass(frozen=True)
class Hooks:
    """What an engine calls while it runs, always from the thread that called :func:`execute`.

    Attributes
    ----------
    on_outcome
        Called with an :class:`Outcome` for every job that ended.
    on_tick
        Called with the number of worker threads, a few times a second (serial: after every job), so that
        the caller can commit and draw.
    stop
        Once set, no further job is started; those in flight get `grace` seconds to finish.
    warm
        ``"module:function"`` called once in every worker process, e.g. to load compiled code.
    grace
        Seconds.
    """

    on_outcome: Callable[[Outcome], None]
    on_tick: Callable[[int], None] = _nothing
    stop: threading.Event = field(default_factory=threading.Event)
    warm: str | None = None
    grace: float = 5.0


def count_workers(settings: ClusterSection) -> int:
    """Count the worker processes that run on this computer: those asked for, else one for each core."""
    if settings.kind != "local":
        return 1 if settings.kind == "serial" else 0
    affinity = getattr(os, "sched_getaffinity", None)  # containers and batch systems restrict it
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return settings.workers or max(cores // settings.threads, 1)


def execute(jobs: Iterable[Any], work: Callable[[Any], Any], settings: ClusterSection, hooks: Hooks) -> bool:
    """Do ``work(job)`` for every job.

    Parameters
    ----------
    jobs
        Picklable records. Drawn only when a worker is about to be free, so the iterable may make them then.
    work
        Picklable callable. What it returns must not depend on where and in which order it is called.
    settings
        The study's `cluster` section; its `kind` is a key of :data:`ENGINES`.
    hooks
        Where outcomes go and how to stop.

    Returns
    -------
    bool
        True when every job has ended, False when stopped before that.

    Raises
    ------
    ClusterError
        The engine is unknown, cannot be reached, or was lost. Outcomes given before remain valid.
    """
    try:
        module = ENGINES[settings.kind]
    except KeyError:
        known = ", ".join(ENGINES)
        raise ClusterError(f"Cluster kind '{settings.kind}' is unknown; expected one of {known}.") from None
    finished: bool = importlib.import_module(module).run(jobs, work, settings, hooks)
    return finished
