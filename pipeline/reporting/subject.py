"""What the sections of a report are made from."""

from dataclasses import dataclass

from pipeline.reporting.choice import Shown
from pipeline.results.results import Results
from pipeline.results.summary.summary import Summary


@dataclass(frozen=True, slots=True)
class MarketsSubject:
    """A sweep, and the model and markets that are shown of it: enough for what is about single markets."""

    results: Results
    shown: Shown


@dataclass(frozen=True, slots=True)
class ReportSubject(MarketsSubject):
    """These, and a summary of the whole sweep."""

    summary: Summary
