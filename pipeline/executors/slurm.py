"""Workers as jobs of a SLURM queue."""

from collections.abc import Callable, Iterable

import dask
from distributed import Client

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.dask_client import (
    ALLOWED_FAILURES,
    drive,
    prepare_workers,
    scheduler_options,
    show_dashboard,
)
from pipeline.executors.dask_logs import logs_in_file
from pipeline.executors.jobs import Hooks

#: Memory of a job when the study says nothing: workers hold one block of markets.
MEMORY = "2 GiB"


def job_options(settings: ClusterSection) -> dict[str, object]:
    """Say in dask-jobqueue's words what one job is.

    What the study leaves out (network interface, prologue of the job script, folder for logs) is taken from
    the section `jobqueue.slurm` of dask's own configuration, where the site's administrators put it.
    """
    options: dict[str, object] = {
        "cores": settings.threads,
        "processes": 1,
        "memory": settings.memory or MEMORY,
        "job_extra_directives": [
            f"--{name}={value}" if value else f"--{name}" for name, value in settings.options.items()
        ],
    }
    for name in ("queue", "account", "walltime"):
        if getattr(settings, name) is not None:
            options[name] = getattr(settings, name)
    return options


def run[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do the jobs in `settings.workers` SLURM jobs; the queue may take its time to start them."""
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise ClusterError(
            "The cluster kind 'slurm' needs dask-jobqueue, which is not installed; install it with "
            "'pip install beed[slurm]'."
        ) from error
    with (
        logs_in_file(hooks.on_note),
        dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}),
    ):
        try:
            cluster = SLURMCluster(scheduler_options=scheduler_options(settings), **job_options(settings))
        except (OSError, RuntimeError, ValueError) as error:
            raise ClusterError(f"SLURM jobs cannot be described: {type(error).__name__}: {error}.") from error
        with cluster, Client(cluster) as client:
            try:
                cluster.scale(jobs=settings.workers or 1)
            except (OSError, RuntimeError) as error:
                raise ClusterError(f"SLURM refused the jobs: {type(error).__name__}: {error}.") from error
            show_dashboard(cluster, settings, hooks)
            prepare_workers(client, hooks, ignore_interrupts=False)
            return drive(client, jobs, work, hooks, timeout=None)
