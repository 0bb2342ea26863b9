"""The reference engine: one job after the other, in this process."""

from collections.abc import Callable, Iterable

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.jobs import Hooks, JobOutcome
from pipeline.executors.worker import call_by_name, one_blas_thread


def run[Job, Result](
    jobs: Iterable[Job],
    work: Callable[[Job], Result],
    settings: ClusterSection,  # noqa: ARG001 - every engine has the same interface
    hooks: Hooks[Job, Result],
) -> bool:
    """Do the jobs in order; see `pipeline.executors.execute`."""
    with one_blas_thread():
        if hooks.precompile is not None:
            call_by_name(hooks.precompile)
        for job in jobs:
            if hooks.stop.is_set():
                return False
            try:
                outcome = JobOutcome(job, result=work(job))
            except Exception as error:  # the caller decides what a failed job means, as on a cluster
                outcome = JobOutcome(job, error=error)
            hooks.on_outcome(outcome)
            hooks.on_tick(1)
    return True
