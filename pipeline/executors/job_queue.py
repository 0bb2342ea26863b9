"""What a job of a batch system is, in the words of dask-jobqueue."""

from typing import Any

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.own_scheduler import scheduler_options

#: Memory of a job when the study says nothing: workers hold one block of markets.
MEMORY = "2 GiB"
#: Systems that call the account a project.
_OF_PROJECTS = ("lsf", "sge", "oar")


def job_options(settings: ClusterSection) -> dict[str, Any]:
    """Give the arguments of a cluster class of dask-jobqueue.

    What the study leaves out (network interface, prologue of the job script, folder for logs) is taken from
    the section ``jobqueue.<kind>`` of dask's own configuration, where the site's administrators put it.
    """
    charged = "project" if settings.kind in _OF_PROJECTS else "account"
    said = {"queue": settings.queue, charged: settings.account, "walltime": settings.walltime}
    return {
        "scheduler_options": scheduler_options(settings),
        "cores": settings.threads,
        "processes": 1,
        "memory": settings.memory or MEMORY,
        **{name: value for name, value in said.items() if value is not None},
        **_further(settings),
    }


def _further(settings: ClusterSection) -> dict[str, Any]:
    if settings.kind != "slurm":
        return dict(settings.options)
    directives = [
        f"--{name}" if value in ("", None) else f"--{name}={value}"
        for name, value in settings.options.items()
    ]
    return {"job_extra_directives": directives}
