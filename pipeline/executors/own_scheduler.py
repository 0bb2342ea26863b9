"""Schedulers that this program starts: their settings, and their dashboard."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.jobs import Hooks

#: A job is blamed after this many deaths of workers, first in company, then alone.
ALLOWED_FAILURES = 1
#: Dask's settings. It keeps the last 1000 messages to every worker with all that was in them, which is a
#: gigabyte for a thousand workers; a few tell as much about a worker in trouble.
DASK: Mapping[str, int] = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.admin.low-level-log-length": 10,
}
#: Where they answer HTTP: any free port, seen from this computer only. Left alone, dask insists on port 8787
#: of all networks, also without a dashboard, and warns when another sweep has it.
ANY_PORT = "127.0.0.1:0"


def scheduler_options(settings: ClusterSection) -> dict[str, Any]:
    """Say where a scheduler that this program starts answers HTTP, and whether it shows a dashboard there."""
    return {"dashboard_address": ANY_PORT, "dashboard": settings.dashboard}


def show_dashboard[Job, Result](cluster: Any, settings: ClusterSection, hooks: Hooks[Job, Result]) -> None:
    """Tell where the dashboard is, when one was asked for."""
    if settings.dashboard:
        hooks.on_note(f"Dask's dashboard: {cluster.dashboard_link}")
