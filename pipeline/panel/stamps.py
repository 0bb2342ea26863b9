"""Labels of periods: how one is read, whole number or ISO date, and which days it means.

Written with the standard library and numpy's calendar: point queries of a store import this file, and
importing pandas takes 0.25 s.
"""

import datetime as dt
import re
from typing import NamedTuple

import numpy as np

EXPECTED = "a whole number or an ISO date: 2026-03-31, 2026-W07, 2026-03, 2026-Q1 or 2026"
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?)?")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])")
_EPOCH = dt.date(1970, 1, 1).toordinal()
_MONTHS = {"month": 1, "quarter": 3}


class Stamp(NamedTuple):
    """A label of a period, read.

    Attributes
    ----------
    kind : str
        ``integer``, ``day``, ``week``, ``month`` or ``quarter``.
    ordinal : int
        The number itself; days from 1970-01-01 to the day or to the Monday of the week; months or quarters
        from the first of 1970.
    """

    kind: str
    ordinal: int


def parse_label(text: str, date_format: str | None = None) -> Stamp | None:
    """Read one label; None when it is no whole number and no ISO date that exists.

    Parameters
    ----------
    text : str
        The label.
    date_format : str, optional
        How days are written, for `datetime.strptime`; what is not written so is read as usual.
    """
    if date_format is not None:
        try:
            return Stamp("day", dt.datetime.strptime(text, date_format).toordinal() - _EPOCH)
        except ValueError:
            pass
    if _INTEGER.fullmatch(text):
        return Stamp("integer", int(text))
    try:
        if match := _DAY.fullmatch(text):
            year, month, day = (int(part) for part in match.groups())
            return Stamp("day", dt.date(year, month, day).toordinal() - _EPOCH)
        if match := _WEEK.fullmatch(text):
            monday = dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return Stamp("week", monday.toordinal() - _EPOCH)
    except ValueError:
        return None
    if (match := _MONTH.fullmatch(text)) and 1 <= int(match[2]) <= 12:
        return Stamp("month", (int(match[1]) - 1970) * 12 + int(match[2]) - 1)
    if match := _QUARTER.fullmatch(text):
        return Stamp("quarter", (int(match[1]) - 1970) * 4 + int(match[2]) - 1)
    return None


def first_day(stamp: Stamp) -> int:
    """Count the days from 1970-01-01 to the first day of a period; a plain number stays as it is."""
    if stamp.kind not in _MONTHS:
        return stamp.ordinal
    month = np.datetime64(stamp.ordinal * _MONTHS[stamp.kind], "M")
    return int(month.astype("datetime64[D]").astype(int))


def last_day(stamp: Stamp) -> int:
    """Count the days from 1970-01-01 to the last day of a period; a plain number stays as it is."""
    if stamp.kind in _MONTHS:
        return first_day(Stamp(stamp.kind, stamp.ordinal + 1)) - 1
    return stamp.ordinal + (6 if stamp.kind == "week" else 0)
