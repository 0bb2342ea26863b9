"""Fits that failed, done again: from other starting points, and nothing else."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PlanError
from pipeline.status import Status
from pipeline.store.format.layout import SweepState
from pipeline.store.read import open_panel
from pipeline.store.writing.patch import Patch
from pipeline.sweep.commit import INTERVAL
from pipeline.sweep.plan import ModelPlan, Task
from pipeline.sweep.report import RunReport
from pipeline.sweep.run import SweepRun
from pipeline.sweep.task_runner import TaskMessage, TaskResult, TaskRunner, count_status, loaded

#: Attribute of a sweep: what was done again, when, for which reasons, with which seed.
RETRIES = "retries"
_ALL = "failed"


def parse_retry(text: str) -> frozenset[Status]:
    """Read which fits are to be done again.

    Parameters
    ----------
    text
        ``failed``, or ``failed:`` and reasons separated by commas: ``failed:not_finite,worker_crashed``.

    Returns
    -------
    frozenset of Status

    Raises
    ------
    PlanError
        Something else.
    """
    word, colon, listed = text.partition(":")
    # Beside failures: fits that were kept though they did not converge.
    possible = {one.reason: one for one in Status if one not in (Status.PENDING, Status.CONVERGED)}
    names = [name.strip().lower().replace("-", "_") for name in listed.split(",")] if colon else []
    unknown = [name for name in names if name not in possible]
    if word != _ALL or unknown:
        raise PlanError(
            f"Got --retry {text}; expected failed, or failed: and reasons separated by commas, of "
            f"{', '.join(possible)}."
        )
    return frozenset(possible[name] for name in names) or frozenset(one for one in Status if one.failed)


@dataclass(frozen=True, eq=False)
class RetryTask(Task):
    """Fits of one model to be done again, in markets that need not be neighbours.

    Attributes
    ----------
    positions : (n,) array of int
        Of the markets along the market axis.
    cells : (n, W) array of bool
        The fits, by market and window.
    """

    positions: NDArray[np.intp]
    cells: NDArray[np.bool_]

    @property
    def markets(self) -> int:
        """Number of its markets."""
        return len(self.positions)

    @property
    def fits(self) -> int:
        """Number of its fits."""
        return int(self.cells.sum())


@dataclass(frozen=True, eq=False)
class RetryResult(TaskResult):
    """What comes back: results instead of a written fork, because the chunks hold other fits as well."""

    patch: Patch


@dataclass(frozen=True)
class RetryRunner:
    """The callable that is sent to the workers: does one `RetryTask`."""

    runner: TaskRunner

    def __call__(self, message: TaskMessage) -> RetryResult:
        """Calibrate the markets of a task, writing nothing."""
        task = message.task
        assert isinstance(task, RetryTask)
        panel = loaded(open_panel(message.fork).isel(market=task.positions))
        arrays = self.runner.compute(message, panel)
        counts = count_status(np.asarray(arrays["status"])[task.cells])
        return RetryResult(message.fork, counts, Patch(task.model, task.positions, task.cells, arrays))


class RetryRun(SweepRun):
    """One attempt at the fits of a sweep that failed; those that are still to be done are left alone."""

    def go(self) -> RunReport:
        """Do again what failed for the reasons that are asked."""
        reasons = self.options.retry
        assert reasons is not None
        failed = {model: self.sweep.status(model) for model in self.sweep.info.models}
        failed = {model: np.isin(codes, sorted(reasons)) for model, codes in failed.items()}
        tasks = tuple(task for model in self.plan.models for task in self._tasks(model, failed))
        self.again = sum(task.fits for task in tasks)
        self.kept = self.plan.fits - self.again
        self.patches: list[Patch] = []
        self.last_commit = time.monotonic()
        state = self.sweep.info.state
        if not tasks:
            self.watcher.note(
                f"No fit of the sweep {self.sweep.name} failed like that; nothing is done again."
            )
            return self._report(state)
        self.pace = self._pace(tasks)
        self.watcher.planned(self.plan, self.kept)
        # Fits depend on the seed alone: with the same one they would fail again.
        history = list(self.sweep.info.attributes.get(RETRIES, ()))
        seed = retry_seed(self.study.seed, len(history) + 1)
        self.study = self.study.model_copy(update={"seed": seed})
        try:
            finished = self._execute_tasks(self.study.cluster, tasks)
        finally:
            self.watcher.ended()
            self._commit()
            entry = {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "reasons": sorted(one.reason for one in reasons),
                "seed": seed,
                "fits": self.counts.total(),
                "mended": sum(count for code, count in self.counts.items() if Status(code).usable),
            }
            self.sweep.set_state(state, **{RETRIES: [*history, entry]})
        return self._report(state if finished and not self.unfinished else SweepState.INTERRUPTED)

    def _tasks(self, model: ModelPlan, failed: Mapping[str, NDArray[np.bool_]]) -> Iterator[RetryTask]:
        name = model.variant.name
        cells = failed[name]
        positions = np.flatnonzero(cells.any(axis=1))
        size = model.chunks_per_task * self.plan.layout.chunk
        for number, start in enumerate(range(0, positions.size, size)):
            some = positions[start : start + size]
            id_ = f"{name}/again-{number:06d}"
            first, last = int(some[0]), int(some[-1]) + 1
            yield RetryTask(id_, self.sweep.name, name, first, last, self.plan.seed, some, cells[some])

    def _runner(self) -> RetryRunner:
        return RetryRunner(TaskRunner(self.study, self.calibrator))

    def _on_done(self, result: TaskResult) -> None:
        assert isinstance(result, RetryResult)
        self.patches.append(result.patch)

    def _on_crash(self, task: Task) -> None:
        assert isinstance(task, RetryTask)
        self.counts[Status.WORKER_CRASHED] += task.fits
        self.watcher.note(f"The worker died twice on {task.id}; these fits stay as they were.")

    def _on_tick(self, workers: int) -> None:
        if time.monotonic() - self.last_commit >= INTERVAL:
            self._commit()
        super()._on_tick(workers)

    def _commit(self) -> None:
        if self.patches:
            self.sweep.write_over(self.patches)
            self.patches.clear()
        self.last_commit = time.monotonic()


def retry_seed(root: int, number: int) -> int:
    """Give the seed of a further attempt: follows from the study's seed and the number of the attempt."""
    return int(np.random.SeedSequence(root, spawn_key=(number,)).generate_state(1)[0])
