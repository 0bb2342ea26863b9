"""Columns of a table that are made when they are asked for."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np


class MadeColumns(Mapping[str, np.ndarray]):
    """Columns by name, each made when it is first asked for, and kept: a question may need two of thirty.

    Parameters
    ----------
    makers
        What makes each column.
    """

    def __init__(self, makers: Mapping[str, Callable[[], np.ndarray]]) -> None:
        self._makers = makers
        self._made: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers
