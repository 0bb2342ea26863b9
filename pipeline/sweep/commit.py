"""Make finished work permanent every few seconds."""

import time
from collections.abc import Callable

from pipeline.store.fork import Fork
from pipeline.store.sweep import Sweep

#: Seconds between commits. Every commit costs 40 kB for ever; a crash costs at most the work
#: since the last one.
INTERVAL = 3.0


class Committer:
    """Gather the forks that come back from workers and commit them together.

    Parameters
    ----------
    sweep
        Where they belong.
    interval
        Seconds between commits.
    clock
        Gives the time in seconds.
    """

    def __init__(
        self, sweep: Sweep, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sweep, self._interval, self._clock = sweep, interval, clock
        self._forks: list[Fork] = []
        self._last = clock()

    def add(self, fork: Fork) -> None:
        """Keep a written fork until the next commit."""
        self._forks.append(fork)

    def tick(self) -> bool:
        """Commit when it is time to; returns whether anything was committed."""
        return self._clock() - self._last >= self._interval and self.flush()

    def flush(self) -> bool:
        """Commit now what there is; returns whether there was anything.

        Raises
        ------
        StoreError
            The store cannot be written. The forks are kept, so a later call tries again.
        """
        committed = bool(self._forks) and self._sweep.merge_and_commit(self._forks) is not None
        self._forks.clear()
        self._last = self._clock()
        return committed
