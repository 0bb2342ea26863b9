"""What a worker does with one task: read the markets, calibrate, write the chunk, send the fork back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.errors import StoreError
from pipeline.fitting.search.warm_start import WarmStarts
from pipeline.panel.dataset import hash_markets
from pipeline.status import Status
from pipeline.store.carry_over import read_carried
from pipeline.store.fork import Fork
from pipeline.store.format.layout import CONTENT_HASH, Arrays, SweepLayout, empty_results
from pipeline.store.read import open_panel
from pipeline.store.shared.first_stages import read_first_stages
from pipeline.store.shared.population import read_population
from pipeline.store.writing.chunks import write_chunk
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.plan import Task
from pipeline.validation.baselines import POOLED

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """A task on its way to a worker, with the fork to write through."""

    task: Task
    fork: Fork


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What comes back: the written fork, how many fits ended with which status, and seconds of the worker."""

    fork: Fork
    counts: Mapping[int, int]
    seconds: float


@dataclass(frozen=True, eq=False)
class ParentSweep:
    """A finished sweep that a later one goes on from.

    Attributes
    ----------
    name
        Of its group in the store.
    changed : (L,) array of bool
        For every market of the later sweep, whether it has to be fitted: its data, or what is asked of it,
        are not those of the parent.
    starts
        Fresh starting points beside the estimates of the parent.
    """

    name: str
    changed: NDArray[np.bool_]
    starts: int

    def to_fit(self, task: Task, pooled: bool) -> NDArray[np.bool_]:
        """Tell which markets of a task are fitted, shape (stop - start,); the others are copied.

        A pooled model depends on all markets, so one that has changed changes all.
        """
        changed = self.changed[task.start : task.stop]
        return np.full_like(changed, self.changed.any()) if pooled else changed


@dataclass(frozen=True)
class TaskRunner:
    """The callable that is sent to the workers: does one task.

    Parameters
    ----------
    study
        What is asked.
    calibrator
        How models are calibrated.
    parent
        The sweep to go on from, if there is one.
    """

    study: Study
    calibrator: Calibrator
    parent: ParentSweep | None = None
    variants: Mapping[str, Variant] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variants", {variant.name: variant for variant in self.study.variants()})

    def __call__(self, message: TaskMessage) -> TaskResult:
        """Do one task."""
        began, task = time.monotonic(), message.task
        # Opened once per process and snapshot; only these markets are read.
        panel = open_panel(message.fork).isel(market=slice(task.start, task.stop))
        if self.parent is None:
            arrays = self.compute(message, loaded(panel))
        else:
            arrays = self._carried_over(message, panel, self.parent)
        fork = write_chunk(message.fork, task.model, slice(task.start, task.stop), arrays)
        return TaskResult(fork, count_status(arrays.get("status")), time.monotonic() - began)

    def _carried_over(self, message: TaskMessage, panel: "xr.Dataset", parent: ParentSweep) -> Arrays:
        """Copy what has not changed, and fit the rest from where it was."""
        task = message.task
        variant = self.variants.get(task.model)
        pooled = task.model in POOLED if variant is None else needs_all_markets(variant, self.study)
        to_fit = parent.to_fit(task, pooled)
        carried = read_carried(message.fork, parent.name, task.model, slice(task.start, task.stop))
        if carried is None:
            return self.compute(message, loaded(panel))
        if not to_fit.any():
            return carried
        warm = WarmStarts(carried["value"][to_fit], parent.starts) if "value" in carried else None
        computed = self.compute(message, loaded(panel.isel(market=to_fit)), warm)
        for name, values in computed.items():
            carried[name][to_fit] = values
        return carried

    def compute(self, message: TaskMessage, panel: "xr.Dataset", warm: WarmStarts | None = None) -> Arrays:
        """Calibrate the model, or assess the baseline, in the markets of a panel."""
        model = message.task.model
        if model not in self.variants:
            everything = (open_panel(message.fork),) if model in POOLED else ()
            return self.calibrator.assess(panel, model, self.study, *everything)
        variant = self.variants[model]
        # A pooled model takes its priors from the store; others are called without.
        pooled = () if variant.pooled_from is None else (read_population(message.fork, model),)
        further: dict[str, Any] = {} if warm is None else {"warm": warm}
        if variant.pooled_stages_under(self.study.fit):
            fork = message.fork
            further["first_stages"] = read_first_stages(fork.session, fork.sweep, model)
        return self.calibrator.calibrate(panel, variant, self.study, *pooled, **further)


def needs_all_markets(variant: Variant, study: Study) -> bool:
    """Whether the fits of a model in one market depend on the data of all."""
    return variant.pooled_from is not None or bool(variant.pooled_stages_under(study.fit))


def loaded(panel: "xr.Dataset") -> "xr.Dataset":
    """Load some markets of a stored panel, and hold them against the hashes that they were stored under.

    Raises
    ------
    StoreError
        The data of a market are not what was stored.
    """
    panel = panel.load()
    if CONTENT_HASH in panel.coords:
        stored = panel[CONTENT_HASH].values.tolist()
        markets = panel["market"].values.tolist()
        wrong = [
            str(market)
            for market, was, now in zip(markets, stored, hash_markets(panel), strict=True)
            if was != now
        ]
        if wrong:
            raise StoreError(
                f"The data of market {', '.join(wrong)} in the store are damaged: they do not have the hash "
                "that they were stored under. Nothing was fitted to them. Run the study into a new store, "
                "or put the store back from a backup."
            )
    return panel


def count_status(status: NDArray[np.int16] | None) -> dict[int, int]:
    """Count the fits by status code; a baseline has none."""
    if status is None:
        return {}
    codes, counts = np.unique(status, return_counts=True)
    return dict(zip(codes.tolist(), counts.tolist(), strict=True))


def crashed_results(layout: SweepLayout, task: Task) -> Arrays:
    """Make the results of a task whose worker died twice: nothing but the status.

    Returns
    -------
    dict of str to array
        All arrays that `write_chunk` wants for the model, filled as if never written.
    """
    results = empty_results(layout, task.model, task.markets)
    if "status" in results:
        results["status"][...] = Status.WORKER_CRASHED
    return results
