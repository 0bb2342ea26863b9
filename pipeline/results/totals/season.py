"""How many periods make a year."""

import re

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_FREQUENCY = re.compile(r"(\d+)(?: (day|week|month|quarter|year)s?)?")


def season_length(frequency: str) -> int | None:
    """Periods in a year; None when that is no whole number above 1."""
    match = _FREQUENCY.fullmatch(frequency)
    if match is None or match[2] is None:
        return None
    count, unit = int(match[1]), match[2]
    if unit in _MONTHS:
        periods, rest = divmod(12, count * _MONTHS[unit])
    else:
        periods, rest = round(365.25 / (count * _DAYS[unit])), 0
    return periods if rest == 0 and periods > 1 else None
