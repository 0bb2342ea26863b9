"""A question in SQL, and what came of it, as they go from one process to another."""

from dataclasses import dataclass

from pipeline.results.frames.table import Table


@dataclass(frozen=True, slots=True)
class Question:
    """One SELECT about a sweep in a snapshot.

    Attributes
    ----------
    url, sweep, snapshot
        The store, and the state of it.
    sql
        The statement.
    rows
        Of the answer, at most.
    seconds
        That it may take.
    """

    url: str
    sweep: str
    snapshot: str
    sql: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows, how many there are, and what went wrong where something did."""

    table: Table | None
    count: int = 0
    error: str = ""
