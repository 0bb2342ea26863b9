"""What the checks of a panel find: problems, which stop the work, and notes; gathered, counted, capped."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import DataError, Problem

LISTED = 10
"""Problems of one kind and column that are spelled out; the others are counted."""
EXAMPLES = 3
"""Places that a note names."""


@dataclass(frozen=True, slots=True)
class PanelNote:
    """Something about the data that is allowed and worth knowing.

    Attributes
    ----------
    kind : str
        Name of the finding: ``gap``, ``unsorted``, ``return``, ``entry``, ``exit``, ``constant-effort``,
        ``similar-labels``, ``irregular-time`` or ``sparse``.
    message : str
        A sentence.
    count : int
        How many places there are.
    column : str
        Effort or column concerned; empty when it is none in particular.
    examples : tuple of str
        The first places.
    """

    kind: str
    message: str
    count: int
    column: str = ""
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.message} For example {'; '.join(self.examples)}." if self.examples else self.message


def place(market: object = None, firm: object = None, period: object = None, column: str = "") -> str:
    """Name a place in the panel: ``market 5, firm B, period 2026-03, column price``."""
    parts = (("market", market), ("firm", firm), ("period", period), ("column", column or None))
    return ", ".join(f"{name} {value}" for name, value in parts if value is not None)


@dataclass
class _Kind:
    expected: str
    hint: str
    count: int = 0
    problems: list[Problem] = field(default_factory=list)


class Problems:
    """The problems of one source, gathered until the whole of it has been seen.

    Parameters
    ----------
    file
        What the problems are in.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def room(self, kind: str, column: str = "") -> int:
        """Say how many more problems of this kind will be spelled out."""
        found = self._kinds.get((kind, column))
        return LISTED if found is None else max(LISTED - found.count, 0)

    def add(
        self,
        kind: str,
        where: str,
        got: str,
        expected: str,
        hint: str = "",
        *,
        column: str = "",
        row: int | None = None,
    ) -> None:
        """Add one problem; beyond `LISTED` of one kind and column it is only counted."""
        found = self._kinds.setdefault((kind, column), _Kind(expected, hint))
        found.count += 1
        if found.count <= LISTED:
            found.problems.append(Problem(self.file, row, where, got, expected, hint))

    def add_each(
        self,
        kind: str,
        positions: np.ndarray,
        describe: Callable[[int], tuple[str, str, int | None]],
        expected: str,
        hint: str = "",
        *,
        column: str = "",
    ) -> None:
        """Add one problem per position; ``describe(position)`` gives where, got and row."""
        listed = positions[: self.room(kind, column)]
        for position in listed.tolist():
            where, got, row = describe(position)
            self.add(kind, where, got, expected, hint, column=column, row=row)
        if positions.size > listed.size:
            self._kinds[kind, column].count += positions.size - listed.size

    def listed(self) -> tuple[Problem, ...]:
        """Give the problems by kind, each kind followed by the number of those not spelled out."""
        result: list[Problem] = []
        for (kind, column), found in self._kinds.items():
            result += found.problems
            more = found.count - len(found.problems)
            if more > 0:
                where = f"column {column}" if column else ""
                result.append(Problem(self.file, None, where, f"{more:,} more: {kind}", found.expected))
        return tuple(result)

    def raise_if_any(self) -> None:
        """Raise all of them as one `DataError`, if there are any."""
        if self._kinds:
            raise DataError(f"Data {self.file}", self.listed())


class Notes:
    """Notes being counted, one record per kind and column."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, list[str]]] = {}

    def add(self, kind: str, examples: Iterable[str], count: int, column: str = "") -> None:
        """Count places of a kind; the first few are named."""
        if count <= 0:
            return
        total, named = self._found.setdefault((kind, column), (0, []))
        for example in examples:
            if len(named) >= EXAMPLES:
                break
            named.append(example)
        self._found[kind, column] = (total + count, named)

    def room(self, kind: str, column: str = "") -> int:
        """Say how many more examples of this kind will be named."""
        return EXAMPLES - len(self._found.get((kind, column), (0, ()))[1])

    def records(self) -> tuple[PanelNote, ...]:
        """Give the notes, most frequent kinds of trouble first as listed in the texts."""
        return tuple(
            PanelNote(kind, text.format(count=f"{count:,}", column=column), count, column, tuple(named))
            for kind, text in _TEXTS.items()
            for (found, column), (count, named) in self._found.items()
            if found == kind
        )


_TEXTS = {
    "irregular-time": "The dates are on no regular grid: one period is one day ({count} different steps).",
    "gap": "Periods are missing {count} times; the period after a gap is a longer one.",
    "unsorted": "The periods of {count} series (a firm in a market) are not in order; they were sorted.",
    "entry": "{count} series begin after their market does: the firm enters.",
    "exit": "{count} series end before their market does: the firm leaves.",
    "return": "Firms vanish from their market and return {count} times; they are absent in between.",
    "constant-effort": "The effort {column} never varies in {count} markets and tells nothing there.",
    "similar-labels": "{count} names of markets or firms differ only in case or spaces; they are kept apart.",
    "sparse": "Only {count} of 1,000 cells of the cube market x firm x period hold data, because firms "
    "differ from market to market; the store will be larger than it need be.",
}
