"""What a worker does with one task: read the markets, calibrate, write the chunk, send the fork back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.config import Study, Variant
from pipeline.methods import Methods
from pipeline.plan import Task
from pipeline.schema import Group, Status, SweepLayout
from pipeline.store import Fork, open_panel, write_chunk
from pipeline.store_population import read_population


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
    methods
        How it is done.
    """

    study: Study
    methods: Methods
    variants: Mapping[str, Variant] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", {variant.name: variant for variant in self.study.variants()})

    def __call__(self, job: Job) -> Done:
        """Do one task."""
        start = time.perf_counter()
        task = job.task
        # Opened once per process and snapshot; only these markets are read.
        panel = open_panel(job.fork).isel(market=slice(task.start, task.stop)).load()
        if task.model in self.variants:
            variant = self.variants[task.model]
            # A pooled model takes its priors from the store; others are called without.
            pooled = () if variant.pooled_from is None else (read_population(job.fork, task.model),)
            arrays = self.methods.calibrate(panel, variant, self.study, *pooled)
        else:
            arrays = self.methods.assess(panel, task.model, self.study)
        fork = write_chunk(job.fork, task.model, slice(task.start, task.stop), arrays)
        return Done(fork, count_status(arrays.get("status")), time.perf_counter() - start)


def count_status(status: np.ndarray | None) -> dict[int, int]:
    """Count the fits by status code; a baseline has none."""
    if status is None:
        return {}
    codes, counts = np.unique(status, return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist(), strict=True))


def crashed_arrays(layout: SweepLayout, task: Task) -> dict[str, np.ndarray]:
    """Make the results of a task whose worker died twice: nothing but the status.

    Returns
    -------
    dict of str to array
        All arrays that :func:`pipeline.store.write_chunk` wants for the model, filled as if never written.
    """
    model = next((model for model in layout.models if model.name == task.model), None)
    groups: tuple[Group, ...] = ("fits", "trajectories", "validation") if model else ("validation",)
    sizes = layout.sizes(model or layout.models[0]) | {"market": task.markets}
    arrays = {}
    for group in groups:
        for variable in layout.variables(group):
            dims = [dim for dim in variable.dims if dim != "model"]
            arrays[variable.name] = np.full([sizes[dim] for dim in dims], variable.fill, dtype=variable.dtype)
    if model:
        arrays["status"][...] = Status.WORKER_CRASHED
    return arrays
