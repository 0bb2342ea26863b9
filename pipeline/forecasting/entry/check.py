"""Checks of the entrants of a scenario against the data of a sweep, before any work."""

from typing import TYPE_CHECKING

from pipeline.config.sections.scenario import Scenario
from pipeline.config.yaml.findings import Findings
from pipeline.errors import QueryError
from pipeline.forecasting.periods import periods_until
from pipeline.names import did_you_mean, one_of

if TYPE_CHECKING:
    import xarray as xr


def check_entrants(scenario: Scenario, panel: "xr.Dataset", findings: Findings) -> tuple[int, ...]:
    """Find what is wrong with entrants; give the numbers of the periods in which they enter, from 0.

    That is a name that a firm of the data has, a firm to be like or an effort that the data do not have,
    efforts that are not stated, a period outside the forecast.
    """
    firms = [str(label) for label in panel["firm"].values.tolist()]
    efforts = [str(label) for label in panel["effort"].values.tolist()]
    times, frequency = panel["time"].values, str(panel["time"].attrs.get("frequency", "1"))
    enters = []
    for name, entrant in scenario.entrants.items():
        where = ("entrants", name)
        if name in firms:
            findings.add(where, f"the entrant {name!r}, which is a firm of the data", "another name")
        if entrant.like is not None and entrant.like not in firms:
            hint = did_you_mean(entrant.like, firms)
            findings.add((*where, "like"), f"the firm {entrant.like!r}", one_of(firms), hint)
        for effort in entrant.efforts:
            if effort not in efforts:
                hint = did_you_mean(effort, efforts)
                findings.add((*where, "efforts", effort), f"the effort {effort!r}", one_of(efforts), hint)
        missing = [effort for effort in efforts if effort not in entrant.efforts]
        if missing and entrant.like is None:
            expected = f"what it does with {', '.join(missing)}, too, or a firm that it is like"
            findings.add((*where, "efforts"), ", ".join(entrant.efforts) or "no efforts", expected)
        try:
            number = periods_until(times, frequency, entrant.enters)
        except QueryError as error:
            findings.add((*where, "enters"), f"{entrant.enters!r}", f"a period of the forecast. {error}")
            continue
        if number > scenario.horizon:
            expected = f"one of the {scenario.horizon} periods of the forecast"
            findings.add((*where, "enters"), f"{entrant.enters!r}, period {number}", expected)
        enters.append(number - 1)
    return tuple(enters)
