"""Workers on this computer: one process of one thread for each core."""

from collections.abc import Callable, Iterable

import dask
from distributed import Client, LocalCluster

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.dask_client import ALLOWED_FAILURES, ANY_PORT, drive, prepare_workers
from pipeline.executors.jobs import Hooks
from pipeline.executors.worker import count_workers

#: Seconds for worker processes to import and to load compiled code.
TIMEOUT = 120.0


def run[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do the jobs in `settings.workers` processes of `settings.threads` threads; by default one a core."""
    options = {"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}
    with (
        dask.config.set(options),
        LocalCluster(
            n_workers=count_workers(settings),
            threads_per_worker=settings.threads,
            memory_limit=settings.memory or "auto",
            processes=True,
            dashboard_address=ANY_PORT,
            worker_dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        prepare_workers(client, hooks, ignore_interrupts=True)
        return drive(client, jobs, work, hooks, timeout=TIMEOUT)
