"""Workers on this computer: one process of one thread for each core."""

from collections.abc import Callable, Iterable
from typing import Any

import dask
from distributed import Client, LocalCluster

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.dask import drive, prepare_workers
from pipeline.executors.engines import Hooks, count_workers

#: A job is blamed after this many deaths of workers, first in company, then alone.
ALLOWED_FAILURES = 1
#: Where the scheduler answers HTTP: any free port, seen from this computer only. Left alone, dask insists on
#: port 8787 and warns when another sweep has it.
ANY_PORT = "127.0.0.1:0"
#: Seconds for worker processes to import and to load compiled code.
TIMEOUT = 120.0


def run(jobs: Iterable[Any], work: Callable[[Any], Any], settings: ClusterSection, hooks: Hooks) -> bool:
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
