"""The known name that a mistyped one probably stands for: the only finder of near names in the project."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Find the known name most like a given one, whatever the case of its letters.

    Parameters
    ----------
    name : str
        What was typed.
    known : iterable of str
        The valid names.

    Returns
    -------
    str or None
        One of `known`; None when none is similar.
    """
    by_lower_case: dict[str, str] = {}
    for candidate in known:
        by_lower_case.setdefault(candidate.lower(), candidate)
    matches = get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[matches[0]] if matches else None
