"""Checks of the section `recalibration`: schedules that mean nothing, windows too short, starts too many."""

from pipeline.config.sections.cron import CronError, parse_cron
from pipeline.config.study import Study
from pipeline.config.yaml.findings import Findings

_FEWEST = 3


def check_recalibration(study: Study, findings: Findings) -> None:
    """Check the section `recalibration` on its own and against `fit` and `simulate`."""
    asked = study.recalibration
    if asked.schedule is not None:
        try:
            parse_cron(asked.schedule)
        except CronError as error:
            findings.add(
                ("recalibration", "schedule"),
                f"{asked.schedule!r}: {error}",
                "a cron expression in UTC",
                "For example '0 6 * * 1' is Mondays at six.",
            )
        if study.simulate is not None and study.simulate.start is None:
            expected = "simulate.start beside it: a schedule needs dates, and these periods are numbers"
            findings.add(("recalibration", "schedule"), asked.schedule, expected)
    if asked.rolling is not None and asked.rolling < _FEWEST:
        findings.add(("recalibration", "window"), asked.window, f"a window of at least {_FEWEST} periods")
    if "starts" in asked.model_fields_set and asked.starts >= study.fit.starts:
        expected = f"fewer than fit.starts = {study.fit.starts}, one of which is the last calibration"
        findings.add(("recalibration", "starts"), f"{asked.starts}", expected)
