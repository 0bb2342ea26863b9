"""Time that a run may take: an orderly stop when it is up, and what would be left."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pipeline.sweep.plan import Plan, Task


@contextmanager
def stop_at(deadline: float | None, stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` when the time is up, unless the block ends before.

    Parameters
    ----------
    deadline
        On the clock of `time.monotonic`, in seconds; None: never.
    stop
        Called at most once, from another thread; at once when the deadline has passed.
    """
    if deadline is None:
        yield
        return
    left = deadline - time.monotonic()
    if left <= 0:
        stop()
        yield
        return
    timer = threading.Timer(left, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Pace:
    """How fast the tasks of a run are done, from those done so far; the plan says what one costs.

    Parameters
    ----------
    plan
        Gives seconds a fit, for each model.
    tasks
        All that there is to do.
    workers
        How many work at once, where nothing has been done yet.
    clock
        Gives the time in seconds.
    """

    def __init__(
        self,
        plan: Plan,
        tasks: Iterable[Task],
        workers: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cost = {model.variant.name: model.seconds_per_fit for model in plan.models}
        self._windows = len(plan.layout.windows)
        self._todo = sum(map(self._seconds, tasks))
        self._workers, self._clock = workers, clock
        self._done = 0.0
        self._start: float | None = None

    def start(self) -> None:
        """Start the clock; later calls change nothing."""
        if self._start is None:
            self._start = self._clock()

    def add(self, task: Task) -> None:
        """Count a task as done."""
        self._done += self._seconds(task)

    @property
    def seconds_left(self) -> float:
        """Estimated seconds for what is left, on the workers that were at it."""
        left = max(self._todo - self._done, 0.0)
        if not self._done or self._start is None:
            return left / max(self._workers, 1)
        return left * (self._clock() - self._start) / self._done

    def _seconds(self, task: Task) -> float:
        return task.markets * self._windows * self._cost.get(task.model, 0.0)
