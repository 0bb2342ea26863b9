"""What a worker does with one task: read the markets, calibrate, write the chunk, send the fork back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.fitting.warm_start import WarmStarts
from pipeline.status import Status
from pipeline.store.carry_over import read_carried
from pipeline.store.format.layout import Group, SweepLayout
from pipeline.store.population import read_population
from pipeline.store.store import Fork, open_panel, write_chunk
from pipeline.sweep.methods import Arrays, Methods
from pipeline.sweep.plan import Task

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Job:
    """A task on its way to a worker, with the fork to write through."""

    task: Task
    fork: Fork


@dataclass(frozen=True, eq=False)
class Earlier:
    """A finished sweep that a later one goes on from.

    Attributes
    ----------
    sweep
        Its name.
    changed : (L,) array of bool
        For every market of the later sweep, whether it has to be fitted: its data, or what is asked of it,
        are not those of the earlier one.
    starts
        Fresh starting points beside the earlier estimates.
    """

    sweep: str
    changed: NDArray[np.bool_]
    starts: int

    def to_fit(self, task: Task, pooled: bool) -> NDArray[np.bool_]:
        """Tell which markets of a task are fitted, shape (stop - start,); the others are copied.

        A pooled model depends on all markets, so one that has changed changes all.
        """
        own = self.changed[task.start : task.stop]
        return np.full_like(own, self.changed.any()) if pooled else own


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
    earlier
        The sweep to go on from, if there is one.
    """

    study: Study
    methods: Methods
    earlier: Earlier | None = None
    variants: Mapping[str, Variant] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", {variant.name: variant for variant in self.study.variants()})

    def __call__(self, job: Job) -> Done:
        """Do one task."""
        start = time.perf_counter()
        task = job.task
        # Opened once per process and snapshot; only these markets are read.
        panel = open_panel(job.fork).isel(market=slice(task.start, task.stop))
        if self.earlier is None:
            arrays = self._results(job, panel.load(), None)
        else:
            arrays = self._completed(job, panel, self.earlier)
        fork = write_chunk(job.fork, task.model, slice(task.start, task.stop), arrays)
        return Done(fork, count_status(arrays.get("status")), time.perf_counter() - start)

    def _completed(self, job: Job, panel: "xr.Dataset", earlier: Earlier) -> Arrays:
        """Copy what has not changed, and fit the rest from where it was."""
        task = job.task
        variant = self.variants.get(task.model)
        chosen = earlier.to_fit(task, variant is not None and variant.pooled_from is not None)
        known = read_carried(job.fork, earlier.sweep, task.model, slice(task.start, task.stop))
        if known is not None and not chosen.any():
            return known
        if known is None:
            return self._results(job, panel.load(), None)
        warm = WarmStarts(known["value"][chosen], earlier.starts) if "value" in known else None
        fresh = self._results(job, panel.isel(market=chosen).load(), warm)
        for name, values in fresh.items():
            known[name][chosen] = values
        return known

    def _results(self, job: Job, panel: "xr.Dataset", warm: WarmStarts | None) -> Arrays:
        """Calibrate or assess the markets of a panel."""
        model = job.task.model
        if model not in self.variants:
            return self.methods.assess(panel, model, self.study)
        variant = self.variants[model]
        # A pooled model takes its priors from the store; others are called without.
        pooled = () if variant.pooled_from is None else (read_population(job.fork, model),)
        further = {} if warm is None else {"warm": warm}
        return self.methods.calibrate(panel, variant, self.study, *pooled, **further)


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
        All arrays that `write_chunk` wants for the model, filled as if never written.
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
