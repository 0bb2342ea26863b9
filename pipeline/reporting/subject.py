"""What the sections of a report are made from."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.reporting.choice import Shown
from pipeline.results.results import Results
from pipeline.results.summary.summary import Summary


class MarketsSubject(Protocol):
    """A sweep, and the model and markets that are shown of it: enough for what is about single markets."""

    @property
    def results(self) -> Results:
        """The sweep."""
        ...

    @property
    def shown(self) -> Shown:
        """The model and the markets."""
        ...


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """A sweep, its summary, and the model and markets that are shown of it."""

    results: Results
    summary: Summary
    shown: Shown
