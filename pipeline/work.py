"""What a worker does with one task: read the markets, calibrate, write the chunk, send the fork back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.config import Study, Variant
from pipeline.plan import Task
from pipeline.schema import Status, SweepLayout
from pipeline.store import Fork, open_panel, write_chunk

#: ``(panel of the task's markets, variant, study, seed) -> arrays for write_chunk``.
Calibrate = Callable[[Any, Variant, Study, int], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Job:
    """A task on its way to a worker, with the fork to write through."""

    task: Task
    fork: Fork


@dataclass(frozen=True, slots=True)
class Done:
    """What comes back: the written fork, how many fits ended with which status, and seconds of work."""

    fork: Fork
    counts: Mapping[int, int]
    seconds: float


@dataclass(frozen=True)
class Work:
    """The callable that is sent to the workers.

    Parameters
    ----------
    study
        What is asked.
    calibrate
        Calibrates one model on the markets of a panel.
    """

    study: Study
    calibrate: Calibrate
    variants: Mapping[str, Variant] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", {variant.name: variant for variant in self.study.variants()})

    def __call__(self, job: Job) -> Done:
        """Do one task."""
        start = time.perf_counter()
        task = job.task
        # Opened once per process and snapshot; only these markets are read.
        panel = open_panel(job.fork).isel(market=slice(task.start, task.stop)).load()
        arrays = self.calibrate(panel, self.variants[task.model], self.study, task.seed)
        fork = write_chunk(job.fork, task.model, slice(task.start, task.stop), arrays)
        return Done(fork, count_status(arrays["status"]), time.perf_counter() - start)


def count_status(status: np.ndarray) -> dict[int, int]:
    """Count the fits by status code."""
    codes, counts = np.unique(status, return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist(), strict=True))


def crashed_arrays(layout: SweepLayout, task: Task) -> dict[str, np.ndarray]:
    """Make the results of a task whose worker died twice: nothing but the status.

    Returns
    -------
    dict of str to array
        All arrays that :func:`pipeline.store.write_chunk` wants for the model, filled as if never written.
    """
    model = next(model for model in layout.models if model.name == task.model)
    sizes = layout.sizes(model) | {"market": task.markets}
    arrays = {}
    for group in ("fits", "trajectories", "validation"):
        for variable in layout.variables(group):
            dims = [dim for dim in variable.dims if dim != "model"]
            arrays[variable.name] = np.full([sizes[dim] for dim in dims], variable.fill, dtype=variable.dtype)
    arrays["status"][...] = Status.WORKER_CRASHED
    return arrays
