"""Study and panel -> what will be done: ordered tasks with stable ids, counts, bytes, time; pure."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.fitting.identifiability import StructuralWarning, StructureCheck
from pipeline.panel.panel import Panel
from pipeline.store.format.layout import ModelLayout, SweepLayout, layout_bytes, sweep_name
from pipeline.sweep.before.cost import MarketSize, seconds_per_fit
from pipeline.sweep.before.effort_check import EffortCheck, EffortWarning
from pipeline.sweep.before.instrument_check import InstrumentCheck
from pipeline.sweep.layout import study_layout
from pipeline.validation.windows import windows_of

#: Seconds that a task should take: dask and the store cost some 10 ms for each.
TASK_SECONDS = 1.0
#: Markets in a chunk at most: bounds the memory of a worker.
LARGEST_CHUNK = 256
#: Chunks of one model that are done before those of the next, where there are many times as many.
STRIPE, LARGE = 32, 8
#: Bytes of panel read at once while planning.
BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work: one model or baseline in consecutive markets, always whole chunks of the store.

    Attributes
    ----------
    id
        Stable name, e.g. ``investment-mnl/000008-000016``.
    sweep, model
        Where it belongs.
    start, stop
        Positions of its markets, `stop` excluded.
    seed
        The study's seed; every fit derives its own from it (:func:`pipeline.seeds.fit_seed`), so how markets
        are grouped changes no number.
    """

    id: str
    sweep: str
    model: str
    start: int
    stop: int
    seed: int

    @property
    def markets(self) -> int:
        """Number of its markets."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model of the sweep: estimated seconds a fit, and chunks that make a task."""

    variant: Variant
    columns: int
    seconds_per_fit: float
    chunks_per_task: int


@dataclass(frozen=True)
class Plan:
    """The work of a sweep.

    Attributes
    ----------
    sweep
        Name of its group in the store.
    layout
        Its axes.
    models
        In the order of the study.
    seed
        The study's seed.
    size
        Of a market, the largest.
    warnings
        What some models cannot learn from the data, and what looks like a mistake in efforts.
    """

    sweep: str
    layout: SweepLayout
    models: tuple[ModelPlan, ...]
    seed: int
    size: MarketSize
    warnings: tuple[StructuralWarning | EffortWarning, ...] = ()

    @property
    def n_markets(self) -> int:
        """Number of markets."""
        return len(self.layout.markets)

    @property
    def fits(self) -> int:
        """Fits in all: markets x models x windows."""
        return self.n_markets * len(self.models) * len(self.layout.windows)

    @property
    def chunks(self) -> int:
        """Chunks of markets of one model."""
        return -(-self.n_markets // self.layout.chunk)

    @property
    def bytes(self) -> int:
        """Bytes of all results before compression."""
        return layout_bytes(self.layout)

    @property
    def seconds(self) -> float:
        """Estimated time on one core."""
        return self.n_markets * len(self.layout.windows) * sum(model.seconds_per_fit for model in self.models)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, as if nothing were done yet."""
        return self.tasks_for({name: range(self.chunks) for name in self.grain})

    @property
    def grain(self) -> dict[str, int]:
        """Chunks in a task, of every model and then of every baseline (which cost next to nothing)."""
        models = {model.variant.name: model.chunks_per_task for model in self.models}
        widest = max(LARGEST_CHUNK // self.layout.chunk, 1)
        return models | dict.fromkeys(self.layout.baselines, widest)

    def tasks_for(self, pending: Mapping[str, Iterable[int]]) -> tuple[Task, ...]:
        """Make the tasks that do the given chunks.

        Parameters
        ----------
        pending
            For each model and baseline the numbers of chunks still to be done.

        Returns
        -------
        tuple of Task
            By market, then by model: neighbours in time read the same markets.
        """
        grain = self.grain
        order = {name: index for index, name in enumerate(grain)}
        tasks = [
            self._task(name, run)
            for name, longest in grain.items()
            for run in _runs(sorted(pending.get(name, ())), longest)
        ]
        return tuple(sorted(tasks, key=lambda task: (task.start, order[task.model])))

    @property
    def most_markets(self) -> int:
        """Markets in a task at most: bounds the memory of a worker."""
        return max(LARGEST_CHUNK, self.layout.chunk)

    def chunks_for(self, pending: Mapping[str, Iterable[int]]) -> tuple[Task, ...]:
        """Make the same tasks of one chunk each, to be joined when their costs are known.

        Returns
        -------
        tuple of Task
            By market, then by model, so that models can be compared wherever a sweep is stopped. Of a large
            sweep some neighbouring chunks of one model, then those of the next: a commit costs something for
            every array that it touches.
        """
        order = {name: index for index, name in enumerate(self.grain)}
        tasks = [self._task(name, [chunk]) for name in order for chunk in pending.get(name, ())]
        stripe = (STRIPE if self.chunks >= LARGE * STRIPE else 1) * self.layout.chunk
        return tuple(sorted(tasks, key=lambda task: (task.start // stripe, order[task.model], task.start)))

    def _task(self, name: str, chunks: Sequence[int]) -> Task:
        start = chunks[0] * self.layout.chunk
        stop = min((chunks[-1] + 1) * self.layout.chunk, self.n_markets)
        return Task(f"{name}/{start:06d}-{stop:06d}", self.sweep, name, start, stop, self.seed)


def _runs(chunks: Sequence[int], longest: int) -> list[list[int]]:
    """Cut sorted numbers into runs without gaps, none longer than `longest`, cut at its multiples."""
    runs: list[list[int]] = []
    for chunk in chunks:
        if runs and runs[-1][-1] == chunk - 1 and chunk % longest:
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    return runs


def plan(
    study: Study,
    panel: Panel,
    *,
    describe: Callable[[Variant], ModelLayout],
    columns: Callable[[Variant, int], int],
    chunk: int | None = None,
    check: bool = True,
) -> Plan:
    """Plan a sweep.

    Parameters
    ----------
    study
        What is asked.
    panel
        Its labels are taken at once, its data by blocks.
    describe
        Names and units of all parameters that a model may have in this panel.
    columns
        Free parameters of a model in a market of that many firms.
    chunk
        Markets in a chunk where the store has settled it already; otherwise it follows from the
        estimated time.
    check
        Whether to look for structural identifiability problems: reads the whole panel once.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        Efforts outside the domain of their curves, in all markets.
    """
    variants = study.variants()
    size = MarketSize(len(panel.firms), len(panel.times), len(panel.efforts))
    columns = functools.cache(columns)
    seconds = {variant.name: _seconds_per_fit(study, variant, size, columns) for variant in variants}
    n_windows = len(windows_of(study.validation))
    chunk = chunk or _choose_chunk(max(seconds.values()) * n_windows, len(panel.markets))
    layout = study_layout(
        study,
        markets=np.asarray(panel.markets),
        firms=np.asarray(panel.firms),
        times=np.asarray(panel.times),
        models=map(describe, variants),
        chunk=chunk,
        n_experiments=panel.n_experiments,
    )
    models = tuple(
        ModelPlan(
            variant,
            columns(variant, size.firms),
            seconds[variant.name],
            _chunks_per_task(seconds[variant.name] * n_windows, chunk),
        )
        for variant in variants
    )
    warnings = check_data(study, panel, variants, columns, size) if check else ()
    name = sweep_name(study.study, study.content_hash, panel.content_hash)
    return Plan(name, layout, models, study.seed, size, warnings)


def _seconds_per_fit(
    study: Study, variant: Variant, size: MarketSize, columns: Callable[[Variant, int], int]
) -> float:
    n_free = columns(variant, size.firms)
    return seconds_per_fit(size, variant.form, n_free, study.fit, study.uncertainty.refits(n_free))


def _choose_chunk(seconds_per_market: float, n_markets: int) -> int:
    """Choose how many markets a chunk has: a task of the slowest model is one chunk."""
    return min(max(round(TASK_SECONDS / seconds_per_market), 1), LARGEST_CHUNK, n_markets)


def _chunks_per_task(seconds_per_market: float, chunk: int) -> int:
    return max(min(int(TASK_SECONDS / (seconds_per_market * chunk)), LARGEST_CHUNK // chunk), 1)


def check_data(
    study: Study,
    panel: Panel,
    variants: tuple[Variant, ...],
    columns: Callable[[Variant, int], int],
    size: MarketSize,
) -> tuple[StructuralWarning | EffortWarning, ...]:
    """Look for what the data cannot tell and for efforts that do not suit, some markets at a time.

    Raises
    ------
    DataError
        Efforts outside the domain of their curves, or instruments that say nothing, in all markets.
    """
    first = 1 if study.fit.initial == "observed" else 0
    check = StructureCheck(variants, columns, first, windows_of(study.validation))
    efforts, instruments = EffortCheck(study, variants), InstrumentCheck(study, variants)
    step = max(BLOCK_BYTES // max(size.bytes, 1), 1)
    for block in panel.blocks(step):
        check.add(block)
        efforts.add(block)
        instruments.add(block)
    efforts.refuse()
    instruments.refuse()
    weak = (EffortWarning("", sentence) for sentence in instruments.sentences())
    return (*efforts.warnings(), *weak, *check.warnings())
