"""Lengths of time as people write them: ``90s``, ``30m``, ``2h``, ``1h30m``, ``90d``."""

import re

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PATTERN = r"^(?=\d)(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?$"


def parse_duration(text: str) -> float:
    """Read a length of time.

    Parameters
    ----------
    text
        Whole numbers with units, days to seconds: ``2h``, ``1h30m``, ``90d``.

    Returns
    -------
    float
        Seconds, more than 0.

    Raises
    ------
    ValueError
        Something else, or no time at all; a sentence.
    """
    seconds = 0.0
    if re.match(_PATTERN, text.strip(), flags=re.ASCII):
        seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))
    if not seconds:
        raise ValueError(f"Got {text!r}; expected a length of time such as 90s, 30m, 2h, 1h30m or 90d.")
    return seconds
