"""How far a sweep is, counted from the chunks that have been committed, each read once."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from pipeline.results.results import Results
from pipeline.status import Status, is_usable
from pipeline.store.format.layout import SweepState, group_path
from pipeline.store.read import written_rows

# Counts that a rate is taken from, and the seconds between two that are kept.
_SAMPLES, _APART = 60, 1.0
_CODES = 256


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep stands.

    Attributes
    ----------
    state
        As the store says.
    planned, done, usable
        Fits: all there are, those tried, those with a result.
    failed
        Number of fits by the reason that they have none, the commonest first.
    models
        By model: fits done, of how many.
    rate
        Fits a second while somebody has looked; 0 when not known.
    """

    state: SweepState
    planned: int
    done: int
    usable: int
    failed: tuple[tuple[Status | None, int], ...]
    models: tuple[tuple[str, int, int], ...]
    rate: float

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self.state in (SweepState.CREATED, SweepState.RUNNING)

    @property
    def seconds_left(self) -> float | None:
        """At the rate seen so far; None where there is none."""
        return (self.planned - self.done) / self.rate if self.rate > 0.0 and self.running else None


@dataclass(slots=True)
class _Counted:
    """Codes of one sweep: by model the chunks that were read, and how often each code was in them."""

    chunks: dict[str, set[int]] = field(default_factory=dict)
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))


class ProgressCounter:
    """Counts the fits of sweeps; of a sweep that runs only chunks that are new are read."""

    def __init__(self) -> None:
        self._sweeps: dict[tuple[str, SweepState], _Counted] = {}
        self._lock = threading.Lock()

    def count(self, results: Results) -> Progress:
        """Count the fits of a sweep.

        Raises
        ------
        StoreError
            The store holds no sweep yet, or it cannot be read.
        """
        info = results.sweep
        with self._lock:
            # Fits may be done again at the end of a sweep: then everything is counted anew.
            counted = self._sweeps.setdefault((info.name, info.state), _Counted())
            for model in info.models:
                _count_new(results, model, counted)
            codes = {model: counted.codes[model] for model in info.models}
            total = np.sum(list(codes.values()), axis=0)
            done = int(total[1:].sum())
            now = time.monotonic()
            if not counted.seen or now - counted.seen[-1][0] >= _APART:
                counted.seen.append((now, done))
            rate = _rate(counted.seen)
        known = {int(status): status for status in Status}
        failed = [
            (known.get(code), int(total[code]))
            for code in np.flatnonzero(total).tolist()
            if code != Status.PENDING and not is_usable(code)
        ]
        return Progress(
            state=info.state,
            planned=info.n_fits,
            done=done,
            usable=int(sum(total[int(status)] for status in Status if status.usable)),
            failed=tuple(sorted(failed, key=lambda pair: -pair[1])),
            models=tuple(
                (model, int(of_model[1:].sum()), info.n_markets * info.n_windows)
                for model, of_model in codes.items()
            ),
            rate=rate,
        )


def _count_new(results: Results, model: str, counted: _Counted) -> None:
    """Read the chunks of the statuses of a model that were not there before, neighbours together."""
    array = results.tables.arrays(model)["status"]
    known = counted.chunks.setdefault(model, set())
    codes = counted.codes.setdefault(model, np.zeros(_CODES, dtype=np.int64))
    path = f"{group_path(results.sweep.name, 'fits', model)}/status"
    fresh = sorted(written_rows(results.session, path) - known)
    step, length = array.chunks[0], array.shape[0]
    for _, run in groupby(enumerate(fresh), key=lambda pair: pair[1] - pair[0]):
        rows = [row for _, row in run]
        part = np.asarray(array[rows[0] * step : min((rows[-1] + 1) * step, length)])
        codes += np.bincount(part.ravel(), minlength=_CODES)
        known.update(rows)


def _rate(seen: deque[tuple[float, int]]) -> float:
    (start, before), (end, now) = seen[0], seen[-1]
    return (now - before) / (end - start) if end > start else 0.0
