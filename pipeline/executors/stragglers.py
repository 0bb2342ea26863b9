"""Which jobs take so long that an idle worker had better start them a second time."""

import statistics
from collections import deque

#: A job is late after so many times what half of the others took, from submission to result ...
FACTOR = 3.0
#: ... and not before so many seconds: a second start leaves garbage in the store.
SHORTEST = 10.0
#: Jobs that must have ended before any is called late.
_FEWEST = 3
#: Jobs that are remembered: the last ones.
_MOST = 1000


class Stragglers:
    """Knows how long jobs take; says which are late."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_MOST)

    def ended(self, seconds: float) -> None:
        """Count a job that took so long."""
        self._seconds.append(seconds)

    def late_after(self) -> float:
        """Give the seconds after which a job is late; infinite while too few have ended."""
        if len(self._seconds) < _FEWEST:
            return float("inf")
        return max(SHORTEST, FACTOR * statistics.median(self._seconds))
