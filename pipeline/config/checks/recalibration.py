"""Checks of the section `recalibration`: the schedule, the window, the number of starts."""

from pipeline.config.cron import CronError, parse_cron
from pipeline.config.duration import parse_duration
from pipeline.config.study import Study
from pipeline.config.yaml.findings import Findings

_SHORTEST_WINDOW = 3
"""Periods."""


def check_recalibration(study: Study, findings: Findings) -> None:
    """Check the section `recalibration` on its own and against `fit` and `simulate`."""
    section = study.recalibration
    if section.schedule is not None:
        _check_schedule(study, section.schedule, findings)
    if section.rolling is not None and section.rolling < _SHORTEST_WINDOW:
        expected = f"a window of at least {_SHORTEST_WINDOW} periods"
        findings.add(("recalibration", "window"), section.window, expected)
    if section.time_limit is not None:
        try:
            parse_duration(section.time_limit)
        except ValueError:
            expected = "a time such as 30m, 2h or 1h30m"
            findings.add(("recalibration", "time_limit"), repr(section.time_limit), expected)
    if "starts" in section.model_fields_set and section.starts >= study.fit.starts:
        expected = f"fewer than fit.starts = {study.fit.starts}, one of which is the last calibration"
        findings.add(("recalibration", "starts"), f"{section.starts}", expected)


def _check_schedule(study: Study, schedule: str, findings: Findings) -> None:
    location = ("recalibration", "schedule")
    try:
        parse_cron(schedule)
    except CronError as error:
        hint = "For example '0 6 * * 1' is Mondays at six."
        findings.add(location, f"{schedule!r}: {error}", "a cron expression in UTC", hint)
    if study.simulate is not None and study.simulate.start is None:
        expected = "simulate.start beside it: a schedule needs dates, and these periods are numbers"
        findings.add(location, schedule, expected)
