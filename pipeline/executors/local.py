"""Workers on this computer: one process of one thread for each core."""

import itertools
from collections.abc import Callable, Iterable
from typing import cast

import dask
from distributed import Client, LocalCluster

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.dask_client import WorkersLostError, drive, prepare_workers
from pipeline.executors.dask_logs import logs_in_file
from pipeline.executors.jobs import Hooks
from pipeline.executors.own_scheduler import DASK, scheduler_options, show_dashboard
from pipeline.executors.worker import expected_threads, first_workers, follow_work

#: Seconds for worker processes to import and to load compiled code, or to come back.
TIMEOUT = 60.0
#: How often the workers are started, when they die before they have begun or all of them are lost.
ATTEMPTS = 3


def run[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do the jobs in `settings.workers` processes of `settings.threads` threads; by default one a core."""
    left = iter(jobs)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _run_once(left, work, settings, hooks)
        except WorkersLostError as lost:
            if attempt == ATTEMPTS:
                raise
            hooks.on_note(f"{lost} Starting other ones.")
            left = itertools.chain(cast("tuple[Job, ...]", lost.jobs), left)
    raise AssertionError("the last attempt returns or raises")


def _run_once[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    with (
        logs_in_file(hooks.on_note),
        dask.config.set(DASK),
        start_cluster(settings) as cluster,
        Client(cluster) as client,
    ):
        show_dashboard(cluster, settings, hooks)
        prepare_workers(client, hooks, ignore_interrupts=True)
        follow_work(cluster, settings)
        return drive(client, jobs, work, hooks, timeout=TIMEOUT, expected=expected_threads(settings))


def start_cluster(settings: ClusterSection) -> LocalCluster:
    """Start scheduler and workers, with keys for this cluster alone: nobody else on the computer can join it.

    Anybody who reaches the scheduler of dask may run code as its user. The keys are made in memory and cost
    0.2 s.

    Raises
    ------
    ClusterError
        Worker processes died while starting, time and again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return LocalCluster(
                n_workers=first_workers(settings),
                threads_per_worker=settings.threads,
                memory_limit=settings.memory or "auto",
                processes=True,
                security=True,
                dashboard_address=None,
                scheduler_kwargs=scheduler_options(settings),
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            if attempt == ATTEMPTS:
                raise ClusterError(
                    f"The worker processes cannot be started: they died {ATTEMPTS} times while starting "
                    f"({type(error).__name__}: {error}). Often it is memory: run with fewer --workers, or "
                    "with --cluster serial."
                ) from error
    raise AssertionError("the last attempt returns or raises")
