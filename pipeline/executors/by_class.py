"""Workers of any dask cluster that has a class: batch systems, Kubernetes, gateways, ssh, clouds.

The class gets the ``options`` of the study as its arguments; what it leaves out comes from dask's own
configuration. Nothing else differs between them: a cluster is made, told how many workers are wanted (or
between which numbers), and its client driven as every other one.
"""

import importlib
import inspect
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client

from pipeline.config.engines import ENGINES, Engine
from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.dask_client import drive, prepare_workers
from pipeline.executors.dask_logs import logs_in_file
from pipeline.executors.job_queue import job_options
from pipeline.executors.jobs import Hooks
from pipeline.executors.own_scheduler import DASK, show_dashboard
from pipeline.executors.worker import expected_threads, follow_work


def run[Job, Result](
    jobs: Iterable[Job], work: Callable[[Job], Result], settings: ClusterSection, hooks: Hooks[Job, Result]
) -> bool:
    """Do the jobs on the workers of a cluster made for this run; it may take its time to give them."""
    make = find_class(settings)
    with (
        logs_in_file(hooks.on_note, workers=False),
        dask.config.set(DASK),
        _started(make, settings) as cluster,
        Client(cluster) as client,
    ):
        _scale(cluster, settings)
        show_dashboard(cluster, settings, hooks)
        prepare_workers(client, hooks, ignore_interrupts=False)
        return drive(client, jobs, work, hooks, timeout=None, expected=expected_threads(settings))


def refuse_unusable(settings: ClusterSection) -> None:
    """Refuse a cluster whose package is missing or whose class takes no such options, before any work.

    Raises
    ------
    ClusterError
        With what to install or to change.
    """
    make = find_class(settings)
    takes = inspect.signature(make).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes):
        return
    known = [one.name for one in takes]
    unknown = [name for name in arguments(settings) if name not in known]
    if unknown:
        raise ClusterError(
            f"{_path_of(settings)} has no option {', '.join(unknown)} (cluster.options); expected "
            f"{', '.join(known)}."
        )


def find_class(settings: ClusterSection) -> Callable[..., Any]:
    """Import the class of a cluster.

    Raises
    ------
    ClusterError
        Its package is not installed, or has no such class.
    """
    engine, path = ENGINES[settings.kind], _path_of(settings)
    module, _, name = path.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ClusterError(
            f"The cluster kind '{engine.name}' needs {module.partition('.')[0]}, which cannot be imported "
            f"({error}); {_install(engine)}."
        ) from error
    except AttributeError as error:
        raise ClusterError(f"There is no {name} in {module} (cluster.class).") from error
    if not callable(found):
        raise ClusterError(f"{path} (cluster.class) is no class: {type(found).__name__}.")
    return found


def arguments(settings: ClusterSection) -> dict[str, Any]:
    """Give the arguments that the class of a cluster is called with."""
    if ENGINES[settings.kind].is_queue:
        return job_options(settings)
    options = dict(settings.options)
    if settings.kind == "ssh":
        limits: dict[str, Any] = {"nthreads": settings.threads}
        if settings.memory is not None:
            limits["memory_limit"] = settings.memory
        options["worker_options"] = limits | options.get("worker_options", {})
    return options


@contextmanager
def _started(make: Callable[..., Any], settings: ClusterSection) -> Any:
    path = _path_of(settings)
    try:
        cluster = make(**arguments(settings))
    except Exception as error:
        # Whatever a foreign class meets (no credentials, no network, no command) is for whoever chose it.
        raise ClusterError(
            f"{path} cannot be started: {type(error).__name__}: {error}. It needs "
            f"{ENGINES[settings.kind].needs}."
        ) from error
    with cluster:
        yield cluster


def _scale(cluster: Any, settings: ClusterSection) -> None:
    if "workers" not in ENGINES[settings.kind].settings:
        return
    try:
        if not follow_work(cluster, settings) and (settings.most_workers or ENGINES[settings.kind].is_queue):
            cluster.scale(settings.most_workers or 1)
    except Exception as error:
        raise ClusterError(
            f"{_path_of(settings)} gives no workers: {type(error).__name__}: {error}. It needs "
            f"{ENGINES[settings.kind].needs}."
        ) from error


def _path_of(settings: ClusterSection) -> str:
    return ENGINES[settings.kind].cluster or settings.class_ or ""


def _install(engine: Engine) -> str:
    if engine.extra is None:
        return "install the package that cluster.class is in"
    return f"install it with 'pip install beed[{engine.extra}]'"
