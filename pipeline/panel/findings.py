"""What the checks of a panel report: problems, which stop the work, and notes, which do not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.errors import DataError, Problem
from pipeline.problems import ProblemGatherer

LISTED = 10
"""Problems of one kind and column that are listed; further ones are only counted."""
EXAMPLES = 3
"""Examples that a note gives."""


@dataclass(frozen=True, slots=True)
class PanelNote:
    """Something about the data that is allowed and worth knowing.

    Attributes
    ----------
    kind : str
        Code of the note: ``gap``, ``unsorted``, ``return``, ``entry``, ``exit``, ``constant-effort``,
        ``constant-instrument``, ``similar-labels``, ``irregular-time``, ``sparse`` or ``opening-balance``.
    message : str
        A sentence for the user.
    count : int
        How often it occurs.
    column : str
        Effort or column concerned; empty when it is none in particular.
    examples : tuple of str
        Where it occurs first.
    """

    kind: str
    message: str
    count: int
    column: str = ""
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.message} For example {'; '.join(self.examples)}." if self.examples else self.message


def describe_place(
    market: object = None, firm: object = None, period: object = None, column: str = ""
) -> str:
    """Say where in the panel: ``market 5, firm B, period 2026-03, column price``."""
    parts = (("market", market), ("firm", firm), ("period", period), ("column", column or None))
    return ", ".join(f"{name} {value}" for name, value in parts if value is not None)


class Problems(ProblemGatherer[tuple[str, str]]):
    """The problems of one source by kind and column, collected until all of it has been read.

    Parameters
    ----------
    file
        What messages name as the source.
    """

    def __init__(self, file: str) -> None:
        super().__init__(most=LISTED)
        self.file = file

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
        """Add one problem; after `LISTED` of one kind and column it is only counted.

        Parameters
        ----------
        kind : str
            Which problems are counted together; part of the message when some are not listed.
        where, got, expected, hint : str
            As `key`, `got`, `expected` and `hint` of `pipeline.errors.Problem`.
        column : str
            Column concerned; problems of different columns are counted apart.
        row : int, optional
            Row or line of the source.
        """
        self.gather((kind, column), Problem(self.file, row, where, got, expected, hint))

    def add_once(
        self, kind: str, where: str, got: str, expected: str, hint: str = "", *, column: str = ""
    ) -> None:
        """Add a problem unless there is one of this kind and column."""
        if not self.counts[kind, column]:
            self.add(kind, where, got, expected, hint, column=column)

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
        listed = positions[: self.room((kind, column))]
        for position in listed.tolist():
            where, got, row = describe(position)
            self.add(kind, where, got, expected, hint, column=column, row=row)
        self.counts[kind, column] += positions.size - listed.size

    def listed(self) -> tuple[Problem, ...]:
        """List the problems by kind, each kind followed by the number of those not listed."""
        result: list[Problem] = []
        for (kind, column), problems in self.kept.items():
            result += problems
            more = self.counts[kind, column] - len(problems)
            if more:
                where = f"column {column}" if column else ""
                result.append(Problem(self.file, None, where, f"{more:,} more: {kind}", problems[0].expected))
        return tuple(result)

    def raise_if_any(self) -> None:
        """Raise one `DataError` with all problems, if there are any."""
        if self:
            raise DataError(f"Data {self.file}", self.listed())


class Notes:
    """Notes while they are counted, by kind and column."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], tuple[int, list[str]]] = {}

    def add(self, kind: str, examples: Iterable[str], count: int, column: str = "") -> None:
        """Add to the count of a kind; the first `EXAMPLES` examples are kept."""
        if count <= 0:
            return
        total, kept = self._counted.get((kind, column), (0, []))
        self._counted[kind, column] = (total + count, [*kept, *examples][:EXAMPLES])

    def room(self, kind: str, column: str = "") -> int:
        """Say how many more examples of this kind will be kept."""
        _, kept = self._counted.get((kind, column), (0, []))
        return EXAMPLES - len(kept)

    def records(self) -> tuple[PanelNote, ...]:
        """Give the notes, in the order of `_TEXTS`."""
        return tuple(
            PanelNote(kind, text.format(count=f"{count:,}", column=column), count, column, tuple(examples))
            for kind, text in _TEXTS.items()
            for (noted, column), (count, examples) in self._counted.items()
            if noted == kind
        )


_TEXTS = {
    "irregular-time": "The dates are on no regular grid: one period is one day ({count} different steps).",
    "gap": "Periods are missing (times: {count}); the period after a gap counts as a longer one.",
    "unsorted": "Periods are out of order (series of a firm in a market: {count}); they were sorted.",
    "entry": "Firms enter after their market begins (series: {count}).",
    "exit": "Firms leave before their market ends (series: {count}).",
    "return": "Firms vanish from their market and return (times: {count}); they are absent in between.",
    "constant-effort": "The effort {column} is constant in some markets ({count}), so its effect "
    "there cannot be estimated.",
    "constant-instrument": "The instrument {column} is constant in some markets ({count}), and moves no "
    "effort there.",
    "similar-labels": "Some names of markets or firms differ only in case or spaces (pairs: {count}); "
    "they are kept apart.",
    "opening-balance": "Entries that look like opening balances are dated inside the first period of their "
    "company ({count}): its balances count as 0 before them, and coefficients of that period are wrong. Date "
    "them before the period; if they are business of the period, nothing is to be done.",
    "sparse": "Only {count} of 1,000 cells of the cube market x firm x period contain data, because firms "
    "differ between markets; the store will be larger than necessary.",
}
