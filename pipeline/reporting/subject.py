"""What the sections of a report are made from."""

from dataclasses import dataclass

from pipeline.reporting.choice import Shown
from pipeline.results.results import Results
from pipeline.results.summary.summary import Summary


@dataclass(frozen=True, slots=True)
class ReportSubject:
    """A sweep, its summary, and the model and markets that are shown of it."""

    results: Results
    summary: Summary
    shown: Shown
