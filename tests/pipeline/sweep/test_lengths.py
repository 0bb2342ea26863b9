"""Tasks take some seconds, whatever the plan expected fits to cost; a crowd is given longer ones."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.sweep.attempts.lengths import LONGEST, SHORTEST, TaskLengths
from pipeline.sweep.plan import Task

CHUNK = 4
TRUTH = {"slow": 0.4, "quick": 0.02}


def tasks(count):
    return [
        Task(f"{model}/{start:06d}-{start + CHUNK:06d}", "sweep", model, start, start + CHUNK, 0)
        for model in TRUTH
        for start in range(0, count * CHUNK, CHUNK)
    ]


def plan(planned, most=256):
    models = tuple(
        SimpleNamespace(variant=SimpleNamespace(name=name), seconds_per_fit=planned) for name in TRUTH
    )
    return SimpleNamespace(models=models, layout=SimpleNamespace(windows=("all",)), most_markets=most)


def run(planned, workers=2, count=1000, flight=6, truth=TRUTH, most=256):
    """Draw and do all tasks as a coordinator does: some are always in flight when the next one is cut."""
    some = tasks(count)
    lengths = TaskLengths(plan(planned, most), some)
    lengths.workers = workers
    drawn, waiting = [], []
    for task in lengths.join(some):
        drawn.append(task)
        waiting.append(task)
        if len(waiting) > flight:
            done = waiting.pop(0)
            lengths.add(done, truth[done.model] * done.markets)
    return drawn


@pytest.mark.parametrize("planned", [0.001, 0.1, 5.0])
def test_lengths_follow_what_fits_cost(planned):
    drawn = run(planned)
    for model, cost in TRUTH.items():
        mine = [task for task in drawn if task.model == model]
        assert [task.start for task in mine[1:]] == [task.stop for task in mine[:-1]], "all, once, in order"
        assert (mine[0].start, mine[-1].stop) == (0, 1000 * CHUNK)
        assert all(task.id == f"{model}/{task.start:06d}-{task.stop:06d}" for task in mine)
        settled = [task.markets * cost for task in mine[10:-40]]
        assert min(settled) >= SHORTEST - 1.7, "a chunk more would have been too long"
        assert max(settled) <= SHORTEST
        if model == "quick":
            assert np.median(settled) > 0.9 * SHORTEST


def test_costs_that_change_in_mid_sweep():
    truth = dict(TRUTH)
    some, seen = tasks(1000), []
    lengths = TaskLengths(plan(0.02), some)
    for number, task in enumerate(lengths.join(some)):
        truth["slow"] = 0.02 if number < 20 else 0.1
        lengths.add(task, truth[task.model] * task.markets)
        seen.append(truth[task.model] * task.markets)
    assert max(seen[26:60]) <= 1.01 * SHORTEST, "half a dozen tasks later"


def test_many_workers_are_given_longer_tasks_and_short_ones_at_the_end():
    left = [Task("quick/0-4", "sweep", "quick", 0, 4_000_000, 0)]
    lengths = TaskLengths(plan(0.02, most=4096), left)
    wanted = {}
    for workers in (1, 200, 600, 2000):
        lengths.workers = workers
        wanted[workers] = lengths.seconds
    assert wanted == {1: SHORTEST, 200: SHORTEST, 600: pytest.approx(3.0), 2000: LONGEST}
    drawn = [task.markets * TRUTH["quick"] for task in run(0.02, workers=4) if task.model == "quick"]
    assert max(drawn[:-20]) > 0.9 * SHORTEST
    assert max(drawn[-4:]) < 0.3 * SHORTEST, "they end together"
    assert all(task.markets <= 8 for task in run(0.02, most=8))
