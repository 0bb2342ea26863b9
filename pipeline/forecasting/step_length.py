"""How far an iteration goes in the direction that it has found."""

import numpy as np


class StepLength:
    """Part of each step that is taken: all of it, and half as much each time that the error stops falling.

    Parameters
    ----------
    smallest : float
        It does not become less.
    patience : int
        Rounds without a fall of a tenth before the steps are shortened.
    """

    def __init__(self, smallest: float, patience: int) -> None:
        self.value = 1.0
        self._smallest, self._patience = smallest, patience
        self._best, self._rounds_without_fall = np.inf, 0

    def update(self, error: float) -> None:
        """Take notice of the error of a round."""
        self._rounds_without_fall = 0 if error < 0.9 * self._best else self._rounds_without_fall + 1
        self._best = min(self._best, error)
        if self._rounds_without_fall >= self._patience:
            self.value = max(0.5 * self.value, self._smallest)
            self._best, self._rounds_without_fall = error, 0
