"""The coordinator of a sweep: study -> panel -> plan -> workers -> store; resume, and an orderly end."""

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import xarray as xr

from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.study import Study
from pipeline.errors import BeedError, ClusterError
from pipeline.executors.engines import Hooks, Outcome, count_workers, execute
from pipeline.executors.worker import call_by_name
from pipeline.panel.open import open_study_panel
from pipeline.panel.panel import Panel
from pipeline.status import Status
from pipeline.store.format.layout import CONTENT_HASH, SweepState, sweep_name
from pipeline.store.store import Store, Sweep, write_chunk
from pipeline.sweep.commit import Committer
from pipeline.sweep.cost import WORKER_BYTES, refuse_disk, refuse_memory
from pipeline.sweep.interrupt import stop_on_signals
from pipeline.sweep.methods import Methods, default_methods
from pipeline.sweep.plan import BLOCK_BYTES, Plan, Task, plan
from pipeline.sweep.pooling import population_of_fits
from pipeline.sweep.progress import Watcher
from pipeline.sweep.worker_task import Earlier, Job, Work, crashed_arrays

#: Give up when this many tasks in a row end in an unforeseen exception: it is not the data then.
FAILURES_IN_A_ROW = 5
_HERE = ClusterSection(kind="serial")


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    store, sweep
        Where the results are.
    state
        Of the sweep now.
    kept, done, total
        Fits found in the store at the start, done in this run, and asked for in all.
    failures
        Fits of this run without a usable result, by reason.
    unfinished
        Sentences about tasks that ended in an unforeseen exception; they are still pending.
    seconds
        Time of this run.
    """

    store: str
    sweep: str
    state: SweepState
    kept: int
    done: int
    total: int
    failures: dict[Status, int] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    seconds: float = 0.0


def plan_study(
    study: Study,
    panel: Panel,
    *,
    methods: Methods | None = None,
    chunk: int | None = None,
    check: bool = True,
) -> Plan:
    """Plan a study on its panel; see :func:`pipeline.sweep.plan.plan`."""
    methods = methods or default_methods()
    return plan(
        study,
        panel,
        describe=lambda variant: methods.describe(variant, study, panel.firms),
        columns=lambda variant, firms: methods.columns(variant, study, firms),
        chunk=chunk,
        check=check,
    )


def run_study(
    study: Study,
    *,
    study_text: str = "",
    watcher: Watcher | None = None,
    methods: Methods | None = None,
    stop: threading.Event | None = None,
) -> RunReport:
    """Run a study to its end, going on where an earlier run left off.

    Parameters
    ----------
    study
        What is asked.
    study_text
        The study's file, kept in the store.
    watcher
        Told how it goes.
    methods
        How models are calibrated; by default :func:`pipeline.sweep.methods.default_methods`.
    stop
        Set it to end the run early, as Ctrl-C does; what is finished is kept.

    Returns
    -------
    RunReport

    Raises
    ------
    DataError, PlanError
        Before anything is written.
    BusyError
        Another process is running this study on this store.
    StoreError, ClusterError
        What was committed before stays; run again to resume.
    """
    watcher = watcher or Watcher()
    watcher.stage("Reading the data")
    panel = open_study_panel(study)
    return run_panel(study, panel, study_text=study_text, watcher=watcher, methods=methods, stop=stop)


def run_panel(
    study: Study,
    panel: Panel,
    *,
    name: str | None = None,
    study_text: str = "",
    watcher: Watcher | None = None,
    methods: Methods | None = None,
    stop: threading.Event | None = None,
    earlier: Earlier | None = None,
    attributes: Mapping[str, Any] | None = None,
    before_end: Callable[[Sweep], None] | None = None,
) -> RunReport:
    """Run a study on a panel that is open already; see `run_study`.

    Parameters
    ----------
    study, panel
        What is asked, and the data.
    name
        Of the sweep; by default that of this study on these data.
    study_text, watcher, methods, stop
        As for `run_study`.
    earlier
        A finished sweep that gives starting values, and the fits of markets that have not changed.
    attributes
        Further plain facts about the sweep, kept from its beginning.
    before_end
        Called with the complete sweep before it is marked as done.

    Returns
    -------
    RunReport
    """
    start = time.monotonic()
    watcher = watcher or Watcher()
    name = name or sweep_name(study.study, study.content_hash, panel.content_hash)
    location = study.store_location
    chunk = _existing_chunk(location, name)
    planned = replace(plan_study(study, panel, methods=methods, chunk=chunk, check=chunk is None), sweep=name)
    if chunk is None:
        _refuse_too_large(study, planned)
    for warning in planned.warnings:
        watcher.note(str(warning))
    store = Store.open_or_create(location)
    layout = planned.layout
    store.write_panel(panel.content_hash, _blocks(study, panel, planned), layout.markets, layout.chunk)
    sweep = store.create_sweep(
        study=study.study,
        study_text=study_text or study.model_dump_json(indent=2),
        study_json=study.model_dump_json(),
        study_hash=study.content_hash,
        data_hash=panel.content_hash,
        layout=layout,
        name=name,
        attributes=attributes,
    )
    with sweep.hold():
        run = _Run(study, planned, sweep, watcher, stop or threading.Event(), earlier, before_end)
        report = run.go(methods)
    return replace(report, store=location, seconds=time.monotonic() - start)


class _Run:
    """One attempt at what is left of a sweep."""

    def __init__(
        self,
        study: Study,
        planned: Plan,
        sweep: Sweep,
        watcher: Watcher,
        stop: threading.Event,
        earlier: Earlier | None,
        before_end: Callable[[Sweep], None] | None,
    ) -> None:
        self.study, self.plan, self.sweep, self.watcher, self.stop = study, planned, sweep, watcher, stop
        self.earlier, self.before_end = earlier, before_end
        self.pooled = {one.name: one.pooled_from for one in study.variants() if one.pooled_from is not None}
        self.committer = Committer(sweep)
        self.counts: Counter[int] = Counter()
        self.unfinished: list[str] = []
        self.in_a_row = 0
        self.windows = len(planned.layout.windows)
        self.kept = 0

    def go(self, methods: Methods | None) -> RunReport:
        tasks = self._pending()
        baselines = self.plan.layout.baselines
        todo = sum(task.markets for task in tasks if task.model not in baselines) * self.windows
        self.kept = self.plan.fits - todo
        self.watcher.planned(self.plan, self.kept)
        if not tasks:
            return self._report(self._finish())
        self.sweep.set_state(SweepState.RUNNING)
        finished = False
        try:
            finished = self._execute_stages(tasks, methods or default_methods())
        finally:
            # Also after an error: what came back from the workers is not thrown away.
            self.watcher.ended()
            self.committer.flush()
            if not finished or self.unfinished:
                self.sweep.set_state(SweepState.INTERRUPTED)
        if finished and not self.unfinished:
            return self._report(self._finish())
        return self._report(SweepState.INTERRUPTED)

    def _execute_stages(self, tasks: tuple[Task, ...], methods: Methods) -> bool:
        """Do what needs nothing but data first; pooled models need the fits of all markets."""
        pooled = self.pooled
        first = tuple(task for task in tasks if task.model not in pooled)
        second = tuple(task for task in tasks if task.model in pooled)
        if first and not self._execute(first, methods):
            return False
        if not second or self.unfinished:
            return True
        self.committer.flush()
        for name in dict.fromkeys(task.model for task in second):
            if not self.sweep.has_population(name):
                self.watcher.stage(f"Estimating the population of markets for {name}")
                fits, windows = self.sweep.fits(pooled[name]), self.plan.layout.windows
                self.sweep.write_population(name, population_of_fits(fits, windows, self.study.fit.priors))
        return self._execute(second, methods)

    def _execute(self, tasks: tuple[Task, ...], methods: Methods) -> bool:
        """Do some tasks; what only copies an earlier sweep needs no workers."""
        copies = tuple(
            task
            for task in tasks
            if self.earlier is not None and not self.earlier.to_fit(task, task.model in self.pooled).any()
        )
        fits = tuple(task for task in tasks if task not in copies)
        if copies and not self._execute_on(_HERE, copies, methods):
            return False
        return not fits or self._execute_on(self.study.cluster, fits, methods)

    def _execute_on(self, cluster: ClusterSection, tasks: tuple[Task, ...], methods: Methods) -> bool:
        if methods.warm is not None and cluster.kind == "local":
            # Before the workers start: on a fresh computer every one of them would compile the same code.
            self.watcher.stage("Loading compiled code (compiling it, the first time)")
            call_by_name(methods.warm)
        hooks = Hooks(on_outcome=self._on_outcome, on_tick=self._on_tick, stop=self.stop, warm=methods.warm)
        with stop_on_signals(self.stop):
            return execute(self._jobs(tasks), Work(self.study, methods, self.earlier), cluster, hooks)

    def _jobs(self, tasks: tuple[Task, ...]) -> Iterator[Job]:
        for task in tasks:
            yield Job(task, self.sweep.fork())

    def _pending(self) -> tuple[Task, ...]:
        chunk = self.plan.layout.chunk
        if self.sweep.info.compacted:
            return ()
        return self.plan.tasks_for(
            {name: [part.start // chunk for part in self.sweep.pending(name)] for name in self.plan.grain}
        )

    def _on_outcome(self, outcome: Outcome) -> None:
        task = outcome.job.task
        if outcome.crashed:
            arrays = crashed_arrays(self.plan.layout, task)
            fork = write_chunk(self.sweep.fork(), task.model, slice(task.start, task.stop), arrays)
            self.committer.add(fork)
            if "status" in arrays:
                self.counts[Status.WORKER_CRASHED] += task.markets * self.windows
            self.watcher.note(f"The worker died twice on {task.id}; these fits are marked as crashed.")
        elif outcome.error is not None:
            self._on_error(task, outcome.error)
        else:
            self.in_a_row = 0
            self.committer.add(outcome.result.fork)
            self.counts.update(outcome.result.counts)

    def _on_error(self, task: Task, error: Exception) -> None:
        if isinstance(error, BeedError):
            raise error
        frames = traceback.extract_tb(error.__traceback__)
        place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        sentence = f"Task {task.id} ended in {type(error).__name__}: {error}{place}; it stays pending."
        self.unfinished.append(sentence)
        self.watcher.note(sentence)
        self.in_a_row += 1
        if self.in_a_row >= FAILURES_IN_A_ROW:
            raise ClusterError(
                f"{self.in_a_row} tasks in a row could not be done, the last one with "
                f"{type(error).__name__}: {error}. What was committed before is kept; run again to resume."
            ) from error

    def _on_tick(self, workers: int) -> None:
        self.committer.tick()
        self.watcher.progress(sum(self.counts.values()), sum(self._failures().values()), workers)

    def _failures(self) -> dict[Status, int]:
        return {Status(code): count for code, count in sorted(self.counts.items()) if not Status(code).usable}

    def _finish(self) -> SweepState:
        if self.sweep.info.state != SweepState.DONE:
            self.watcher.stage("Compacting the small tables")
            self.sweep.compact()
            if self.before_end is not None:
                self.before_end(self.sweep)
            self.sweep.set_state(SweepState.DONE)
        return SweepState.DONE

    def _report(self, state: SweepState) -> RunReport:
        done = sum(self.counts.values())
        return RunReport(
            store="",
            sweep=self.sweep.name,
            state=state,
            kept=self.kept,
            done=done,
            total=self.plan.fits,
            failures=self._failures(),
            unfinished=tuple(self.unfinished),
        )


def _existing_chunk(location: str, name: str) -> int | None:
    """Give the markets in a chunk of a sweep that was begun before."""
    from pipeline.errors import StoreNotFoundError

    try:
        return Store.open(location).sweep(name).info.chunk
    except StoreNotFoundError:
        return None


def _blocks(study: Study, panel: Panel, planned: Plan) -> Iterator[xr.Dataset]:
    """Load the panel a bounded number of markets at a time, whole chunks; with the truth if simulated."""
    attributes = {}
    if study.simulate is not None:
        from pipeline.panel.simulated import simulated_truth

        attributes["truth"] = simulated_truth(study)
    chunk = planned.layout.chunk
    for block in panel.blocks(max(BLOCK_BYTES // max(planned.size.bytes * chunk, 1), 1) * chunk):
        hashes = [panel.market_hashes[market] for market in block["market"].values.tolist()]
        yield block.assign_attrs(attributes).assign_coords({CONTENT_HASH: ("market", hashes)})


def _refuse_too_large(study: Study, planned: Plan) -> None:
    """Refuse before anything is written what neither disk nor memory would hold."""
    refuse_disk(planned.bytes + planned.size.bytes * planned.n_markets, study.store_location)
    if workers := count_workers(study.cluster):
        import psutil

        longest = max(model.chunks_per_task for model in planned.models) * planned.layout.chunk
        results = planned.bytes // (planned.n_markets * len(planned.models))
        task_bytes = longest * (planned.size.bytes + results)
        refuse_memory(WORKER_BYTES + 3 * task_bytes, workers, psutil.virtual_memory().available)
