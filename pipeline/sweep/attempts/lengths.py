"""How many markets a task takes: as many as fill some seconds, by what fits were seen to cost so far."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipeline.sweep.plan import Plan, Task

#: Seconds that a task takes at least and at most, where its chunks allow: the fewer, the less is lost with a
#: worker; every task costs the coordinator some milliseconds, so many workers are given longer ones.
SHORTEST, LONGEST = 2.0, 5.0
SECONDS_PER_WORKER = 5e-3
#: Parts that what is left is cut into for every worker: towards the end tasks become shorter, and all workers
#: end together.
PARTS = 6
#: Weight of the newest task in the cost of a fit.
_NEWEST = 0.5


class TaskLengths:
    """Joins tasks of one chunk to longer ones when they are drawn.

    Parameters
    ----------
    plan
        Gives seconds a fit, for each model, until some have been seen.
    tasks
        All that there is to do.
    """

    def __init__(self, plan: Plan, tasks: Iterable[Task]) -> None:
        windows = len(plan.layout.windows)
        self._planned = {one.variant.name: one.seconds_per_fit * windows for one in plan.models}
        self._seen: dict[str, float] = {}
        self._most = plan.most_markets
        self._took = self._expected = 0.0
        self._left: dict[str, int] = defaultdict(int)
        for task in tasks:
            self._left[task.model] += task.markets
        self.workers = 1

    def add(self, task: Task, seconds: float) -> None:
        """Learn from a task that a worker took so many seconds for."""
        rate, before = seconds / max(task.markets, 1), self._seen.get(task.model)
        self._seen[task.model] = rate if before is None else (1 - _NEWEST) * before + _NEWEST * rate
        if planned := self._planned.get(task.model):
            self._took += seconds
            self._expected += planned * task.markets

    def seconds_per_market(self, model: str) -> float:
        """Estimate the seconds of a market: as seen, or as planned and as wrong as the plan was of others."""
        if model in self._seen:
            return self._seen[model]
        wrong = self._took / self._expected if self._expected else 1.0
        return self._planned.get(model, 0.0) * wrong

    @property
    def seconds(self) -> float:
        """Seconds that the next task is to take."""
        longest = min(max(SHORTEST, SECONDS_PER_WORKER * self.workers), LONGEST)
        left = sum(count * self.seconds_per_market(model) for model, count in self._left.items())
        return min(longest, left / (PARTS * max(self.workers, 1)))

    def join(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Give the tasks, neighbours of one model joined as long as they are short."""
        joined: Task | None = None
        for task in tasks:
            if joined is not None and self._fit(joined, task):
                joined = replace(joined, id=_id(joined, task), stop=task.stop)
                continue
            if joined is not None:
                yield self._drawn(joined)
            joined = task
        if joined is not None:
            yield self._drawn(joined)

    def _fit(self, joined: Task, task: Task) -> bool:
        markets = joined.markets + task.markets
        neighbours = joined.model == task.model and joined.stop == task.start
        return (
            neighbours
            and markets <= self._most
            and markets * self.seconds_per_market(task.model) <= self.seconds
        )

    def _drawn(self, task: Task) -> Task:
        self._left[task.model] -= task.markets
        return task


def _id(first: Task, last: Task) -> str:
    return f"{first.id.rpartition('-')[0]}-{last.id.rpartition('-')[2]}"
