"""Run jobs on any engine: one function, the same answers.

The engines are listed in `pipeline.config.engines`. Each is a module of this package (`Engine.module`) with
one function::

    run(jobs, work, settings, hooks) -> bool

with the parameters of `execute`. ``serial`` is the reference; the others are dask clusters that differ in how
they get a client (`pipeline.executors.dask_client` does the rest).
"""

import importlib
from collections.abc import Callable, Iterable

from pipeline.config.engines import ENGINES
from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.jobs import Hooks


def execute[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do ``work(job)`` for every job.

    Parameters
    ----------
    jobs
        Picklable records. Drawn only when a worker is about to be free, so the iterable may make them then.
    work
        Picklable callable. What it returns must not depend on where and in which order it is called.
    settings
        The study's section ``cluster``.
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
    if settings.kind not in ENGINES:
        raise ClusterError(
            f"Cluster kind '{settings.kind}' is unknown; expected one of {', '.join(ENGINES)}."
        )
    # Imported on use: a serial run never loads dask.
    engine = importlib.import_module(f"pipeline.executors.{ENGINES[settings.kind].module}")
    finished: bool = engine.run(jobs, work, settings, hooks)
    return finished


def refuse_unusable(settings: ClusterSection) -> None:
    """Refuse before any work an engine whose packages are not installed or that takes no such options.

    Raises
    ------
    ClusterError
        With what to install or to change.
    """
    if ENGINES[settings.kind].cluster is not None:
        importlib.import_module(f"pipeline.executors.{ENGINES[settings.kind].module}").refuse_unusable(
            settings
        )
