"""One attempt at what is left of a sweep: tasks out, results in, commits, and an orderly end."""

import operator
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import cache_note
from pipeline.config.engines import ENGINES
from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.study import Study
from pipeline.errors import BeedError, ClusterError
from pipeline.executors.execute import execute
from pipeline.executors.jobs import Hooks, JobOutcome
from pipeline.executors.worker import call_by_name, count_workers
from pipeline.signals import held, stop_on_signals
from pipeline.status import Status
from pipeline.store.fork import Fork
from pipeline.store.format.layout import SweepState
from pipeline.store.read import open_panel
from pipeline.store.sweep import Sweep
from pipeline.store.writing.chunks import write_chunk
from pipeline.sweep.attempts.deadline import Pace
from pipeline.sweep.attempts.lengths import TaskLengths
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.commit import Committer
from pipeline.sweep.plan import BLOCK_BYTES, Plan, Task
from pipeline.sweep.pooling import population_of_fits
from pipeline.sweep.progress import Watcher
from pipeline.sweep.report import RunReport
from pipeline.sweep.task_runner import (
    ParentSweep,
    TaskMessage,
    TaskResult,
    TaskRunner,
    crashed_results,
    needs_all_markets,
)
from pipeline.validation.baselines import POOLED

if TYPE_CHECKING:
    from pipeline.sweep.after.best_shares import BestShares

#: Give up when this many tasks in a row end in an unforeseen exception: it is not the data then.
FAILURES_IN_A_ROW = 5
_THIS_PROCESS = ClusterSection(kind="serial")


@dataclass(frozen=True)
class SweepOptions:
    """What a sweep may be beside a study on a panel: a vintage, which has a name and a past.

    Attributes
    ----------
    name
        Of its group in the store; by default that of this study on these data.
    parent
        A finished sweep that gives starting values, and the fits of markets that have not changed.
    attributes
        Further plain facts about the sweep, kept from its beginning.
    before_end
        Called with the complete sweep before it is marked as done.
    retry
        Do again the fits that ended with one of these, and nothing else.
    deadline
        When to stop in order, on the clock of `time.monotonic`.
    """

    name: str | None = None
    parent: ParentSweep | None = None
    attributes: Mapping[str, object] | None = None
    before_end: Callable[[Sweep], None] | None = None
    retry: frozenset[Status] | None = None
    deadline: float | None = None


class SweepRun:
    """One attempt at what is left of a sweep.

    Parameters
    ----------
    study, plan, sweep
        What is asked, the work that it comes to, and where the results go.
    calibrator
        How models are calibrated.
    watcher
        Told how it goes.
    stop
        Set it to end the run early; what is finished is kept.
    options
        The sweep to go on from, and what to do before the end.
    """

    def __init__(
        self,
        study: Study,
        plan: Plan,
        sweep: Sweep,
        calibrator: Calibrator,
        watcher: Watcher,
        stop: threading.Event,
        options: SweepOptions,
    ) -> None:
        self.study, self.plan, self.sweep = study, plan, sweep
        self.calibrator, self.watcher, self.stop, self.options = calibrator, watcher, stop, options
        self.pooled = {one.name: one.pooled_from for one in study.variants() if one.pooled_from is not None}
        self.joint = {one.name for one in study.variants() if needs_all_markets(one, study)}
        self.committer = Committer(sweep)
        self.counts: Counter[int] = Counter()
        self.unfinished: list[str] = []
        self.in_a_row = 0
        self.windows = len(plan.layout.windows)
        self.kept = 0
        self.time_up = False
        self.pace, self.lengths = self._pace(()), TaskLengths(plan, ())

    def go(self) -> RunReport:
        """Do what is left, or as much of it as can be done."""
        tasks = self._pending()
        baselines = self.plan.layout.baselines
        todo = sum(task.markets for task in tasks if task.model not in baselines) * self.windows
        self.kept = self.plan.fits - todo
        self.watcher.planned(self.plan, self.kept)
        if not tasks and not self._best_left():
            return self._report(self._finish())
        self.pace, self.lengths = self._pace(tasks), TaskLengths(self.plan, tasks)
        self.sweep.set_state(SweepState.RUNNING)
        finished = False
        try:
            finished = self._execute_stages(tasks)
        finally:
            # Also after an error: what came back from the workers is not thrown away.
            with held():
                self.watcher.ended()
                self.committer.flush()
                if not finished or self.unfinished:
                    self.sweep.set_state(SweepState.INTERRUPTED)
        if finished and not self.unfinished:
            return self._report(self._finish())
        return self._report(SweepState.INTERRUPTED)

    def up(self) -> None:
        """End the run in order because its time is up."""
        self.time_up = True
        self.stop.set()

    def _pace(self, tasks: Iterable[Task]) -> Pace:
        return Pace(self.plan, tasks, count_workers(self.study.cluster))

    def _pending(self) -> tuple[Task, ...]:
        chunk = self.plan.layout.chunk
        if self.sweep.info.compacted:
            return ()
        return self.plan.chunks_for(
            {name: [part.start // chunk for part in self.sweep.pending(name)] for name in self.plan.grain}
        )

    def _execute_stages(self, tasks: tuple[Task, ...]) -> bool:
        """Do what needs nothing but data first; pooled models and the best of all need the fits of others."""
        self._pool_first_stages({task.model for task in tasks})
        first = tuple(task for task in tasks if task.model not in self.pooled)
        second = tuple(task for task in tasks if task.model in self.pooled)
        stages = (
            lambda: not first or self._execute(first),
            lambda: not second or self._execute_pooled(second),
            lambda: not self._best_left() or self._store_best(),
        )
        for stage in stages:
            if not stage():
                return False
            if self.unfinished:
                break
        return True

    def _execute_pooled(self, tasks: tuple[Task, ...]) -> bool:
        self.committer.flush()
        for name in dict.fromkeys(task.model for task in tasks):
            if not self.sweep.has_population(name):
                self.watcher.stage(f"Estimating the population of markets for {name}")
                fits, windows = self.sweep.fits(self.pooled[name]), self.plan.layout.windows
                self.sweep.write_population(name, population_of_fits(fits, windows, self.study.fit.priors))
        return self._execute(tasks)

    def _best_left(self) -> bool:
        return (
            self.study.stored_trajectories == "best"
            and not self.sweep.info.compacted
            and self.sweep.has_trajectories()
        )

    def _store_best(self) -> bool:
        """Store trajectories of the best models; those that cannot be had so are left to be computed."""
        from pipeline.sweep.after.best_shares import best_tasks

        self.committer.flush()
        self.sweep.renew_forks()
        self.watcher.stage("Storing the trajectories of the best models")
        tasks = best_tasks(self.sweep, self.plan.n_markets, self.plan.layout.chunk)

        def keep(outcome: JobOutcome["BestShares", Fork]) -> None:
            if outcome.result is not None:
                self.committer.add(outcome.result)
            elif isinstance(outcome.error, BeedError):
                raise outcome.error

        return self._execute_on(self.study.cluster, tasks, operator.call, keep)

    def _pool_first_stages(self, models: set[str]) -> None:
        """Estimate the first stages that these models have from all markets, unless an earlier run did."""
        variants = [
            variant
            for variant in self.study.variants()
            if variant.name in models
            and variant.pooled_stages_under(self.study.fit)
            and not self.sweep.has_first_stages(variant.name)
        ]
        if variants:
            from pipeline.sweep.first_stages import pool_first_stages

            self.watcher.stage("Pooling the first stages of endogenous efforts over all markets")
            panel, step = open_panel(self.sweep.fork()), max(BLOCK_BYTES // max(self.plan.size.bytes, 1), 1)
            blocks = (
                panel.isel(market=slice(start, start + step)).load()
                for start in range(0, panel.sizes["market"], step)
            )
            self.sweep.write_first_stages(pool_first_stages(self.study, variants, blocks))

    def _execute(self, tasks: tuple[Task, ...]) -> bool:
        """Do some tasks; what only copies the parent sweep needs no workers."""
        copied = [not self._fitted(task).any() for task in tasks]
        copies, fits = tuple(compress(tasks, copied)), tuple(compress(tasks, map(operator.not_, copied)))
        if copies and not self._execute_tasks(_THIS_PROCESS, copies):
            return False
        return not fits or self._execute_tasks(self.study.cluster, fits)

    def _fitted(self, task: Task) -> NDArray[np.bool_]:
        """Tell which markets of a task are fitted, and not copied from the parent sweep."""
        parent = self.options.parent
        if parent is None:
            return np.ones(1, dtype=np.bool_)
        return parent.to_fit(task, task.model in self.joint or task.model in POOLED)

    def _execute_tasks(self, cluster: ClusterSection, tasks: tuple[Task, ...]) -> bool:
        return self._execute_on(cluster, self._messages(tasks), self._runner(), self._on_outcome)

    def _execute_on[Job, Result](
        self,
        cluster: ClusterSection,
        jobs: Iterable[Job],
        work: Callable[[Job], Result],
        on_outcome: Callable[[JobOutcome[Job, Result]], object],
    ) -> bool:
        precompile = self.calibrator.precompile
        if precompile is not None and ENGINES[cluster.kind].where != "elsewhere":
            # Before the workers start, or every one of them would compile the same code; and before signals
            # are a wish to come to an end: there is nothing to bring to one yet.
            if note := cache_note():
                self.watcher.note(note)
            self.watcher.stage("Loading compiled code (compiling it, the first time)")
            call_by_name(precompile)
        self.pace.start()
        hooks = Hooks(
            on_outcome=held()(on_outcome),
            on_tick=self._on_tick,
            on_note=self.watcher.note,
            stop=self.stop,
            precompile=precompile,
        )
        with stop_on_signals(self.stop):
            return execute(jobs, work, cluster, hooks)

    def _runner(self) -> Callable[[TaskMessage], TaskResult]:
        return TaskRunner(self.study, self.calibrator, self.options.parent)

    def _messages(self, tasks: Iterable[Task]) -> Iterator[TaskMessage]:
        for task in self.lengths.join(tasks):
            yield TaskMessage(task, self.sweep.fork())

    def _on_outcome(self, outcome: JobOutcome[TaskMessage, TaskResult]) -> None:
        task = outcome.job.task
        if outcome.crashed:
            self._on_crash(task)
        elif outcome.error is not None:
            self._on_error(task, outcome.error)
        elif outcome.result is not None:
            self.in_a_row = 0
            self._on_done(outcome.result)
            self.counts.update(outcome.result.counts)
            self.pace.add(task)
            if self._fitted(task).all():
                self.lengths.add(task, outcome.result.seconds)

    def _on_done(self, result: TaskResult) -> None:
        self.committer.add(result.fork)

    def _on_crash(self, task: Task) -> None:
        results = crashed_results(self.plan.layout, task)
        fork = write_chunk(self.sweep.fork(), task.model, slice(task.start, task.stop), results)
        self.committer.add(fork)
        if "status" in results:
            self.counts[Status.WORKER_CRASHED] += task.markets * self.windows
        self.watcher.note(f"The worker died twice on {task.id}; these fits are marked as crashed.")

    def _on_error(self, task: Task, error: Exception) -> None:
        if isinstance(error, BeedError):
            raise error
        frames = traceback.extract_tb(error.__traceback__)
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        sentence = f"Task {task.id} ended in {type(error).__name__}: {error}{where}; it stays pending."
        self.unfinished.append(sentence)
        self.watcher.note(sentence)
        self.in_a_row += 1
        if self.in_a_row >= FAILURES_IN_A_ROW:
            raise ClusterError(
                f"{self.in_a_row} tasks in a row could not be done, the last one with "
                f"{type(error).__name__}: {error}. What was committed before is kept; run again to resume."
            ) from error

    @held()
    def _on_tick(self, workers: int) -> None:
        self.committer.tick()
        self.lengths.workers = workers
        self.watcher.progress(self.counts.total(), sum(self._failures().values()), workers)

    def _failures(self) -> dict[Status, int]:
        return {Status(code): count for code, count in sorted(self.counts.items()) if not Status(code).usable}

    def _finish(self) -> SweepState:
        if self.sweep.info.state != SweepState.DONE:
            self.watcher.stage("Compacting the small tables")
            self.sweep.compact()
            if self.options.before_end is not None:
                self.options.before_end(self.sweep)
            self.sweep.set_state(SweepState.DONE)
        return SweepState.DONE

    def _report(self, state: SweepState) -> RunReport:
        return RunReport(
            store="",
            sweep=self.sweep.name,
            state=state,
            kept=self.kept,
            done=self.counts.total(),
            total=self.plan.fits,
            failures=self._failures(),
            unfinished=tuple(self.unfinished),
            statuses=self.sweep.statuses() if state == SweepState.DONE else {},
            time_up=self.time_up and state != SweepState.DONE,
            seconds_left=self.pace.seconds_left,
        )
