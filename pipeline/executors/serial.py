"""The reference engine: one job after the other, in this process."""

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.engines import Hooks, Outcome
from pipeline.executors.worker import call_by_name, one_blas_thread


def run(
    jobs: Iterable[Any],
    work: Callable[[Any], Any],
    settings: ClusterSection,  # noqa: ARG001 - every engine has the same interface
    hooks: Hooks,
) -> bool:
    """Do the jobs in order; see :func:`pipeline.executors.engines.execute`."""
    with one_blas_thread():
        if hooks.warm is not None:
            call_by_name(hooks.warm)
        for job in jobs:
            if hooks.stop.is_set():
                return False
            try:
                outcome = Outcome(job, result=work(job))
            except Exception as error:  # the caller decides what a failed job means, as on a cluster
                outcome = Outcome(job, error=error)
            hooks.on_outcome(outcome)
            hooks.on_tick(1)
    return True
