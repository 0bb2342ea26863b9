"""Problems gathered while something is checked, so that all of them can be said at once."""

from collections import Counter
from collections.abc import Hashable

from pipeline.errors import Problem


class ProblemGatherer[Key: Hashable]:
    """Problems by key (a line of a file, a kind of mistake): the first of each key are kept, all are counted.

    Parameters
    ----------
    most
        How many problems of one key are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: dict[Key, list[Problem]] = {}
        self.counts: Counter[Key] = Counter()

    def __bool__(self) -> bool:
        return bool(self.kept)

    def room(self, key: Key) -> int:
        """Say how many more problems of a key will be kept."""
        return max(self.most - self.counts[key], 0)

    def gather(self, key: Key, problem: Problem) -> None:
        """Count a problem, and keep it while there is room."""
        if self.room(key):
            self.kept.setdefault(key, []).append(problem)
        self.counts[key] += 1
