"""Worker processes: how many run on this computer, and what each does before its first job."""

import importlib
from typing import Any

from threadpoolctl import threadpool_limits

from kernels.numeric.cores import usable_cores
from pipeline.config.engines import ENGINES
from pipeline.config.sections.cluster import ClusterSection, WorkersRange


def count_workers(settings: ClusterSection) -> int:
    """Count the processes of this computer that do the work; 0 when all of it is done elsewhere.

    Where the study names no number of workers, there is one for each core.
    """
    where = ENGINES[settings.kind].where
    if where != "this computer":
        return int(where == "this process")
    return settings.most_workers or max(usable_cores() // settings.threads, 1)


def first_workers(settings: ClusterSection) -> int:
    """Count the processes that this computer starts with: the fewest, where their number follows the work."""
    return settings.workers.min if isinstance(settings.workers, WorkersRange) else count_workers(settings)


def expected_threads(settings: ClusterSection) -> int:
    """Count the worker threads that come when there is work for them; 0 where their number is fixed.

    A cluster that follows the work sees only what is submitted: it has to be enough for the largest number.
    """
    if not isinstance(settings.workers, WorkersRange):
        return 0
    return settings.workers.max * settings.threads


def follow_work(cluster: Any, settings: ClusterSection) -> bool:
    """Let a dask cluster have as many workers as there is work for, if the study says so; tell whether."""
    if not isinstance(settings.workers, WorkersRange):
        return False
    cluster.adapt(minimum=settings.workers.min, maximum=settings.workers.max)
    return True


def one_blas_thread() -> threadpool_limits:
    """Hold the linear algebra library to one thread.

    With more, workers would fight for the cores, and sums split over threads differ in their last bits from
    computer to computer.

    Returns
    -------
    threadpoolctl.threadpool_limits
        In force from the call on; as a context manager, until its end.
    """
    return threadpool_limits(limits=1, user_api="blas")


def call_by_name(name: str) -> object:
    """Import and call ``"module:function"``.

    Parameters
    ----------
    name
        E.g. ``"pipeline.sweep.precompile:precompile"``.
    """
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)()
