"""The time axis: labels of periods (whole numbers or ISO dates) to an ordered axis with a regular period."""

import calendar
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

EXPECTED = "a whole number or an ISO date: 2026-03-31, 2026-W07, 2026-03, 2026-Q1 or 2026"
_INTEGER = re.compile(r"[+-]?\d{1,15}")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?)?")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])")
_EPOCH = dt.date(1970, 1, 1).toordinal()
_WEEK_OF_DAY = 3  # 1970-01-01 was a Thursday; weeks begin on Monday
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# One date in ten or fewer beside a grid that all others keep is a slip of the pen, not another calendar.
_SLIPS = 0.1


class Stamp(NamedTuple):
    """A label of a period, read: its kind, and its number in that kind (days from 1970-01-01 for a week)."""

    kind: str
    ordinal: int


class TimeError(ValueError):
    """The labels make no time axis; `label` is the position of one to blame."""

    def __init__(self, label: int, got: str, expected: str, hint: str) -> None:
        self.label, self.got, self.expected, self.hint = label, got, expected, hint
        super().__init__(label, got, expected, hint)


@dataclass(frozen=True)
class TimeAxis:
    """The periods of a panel.

    Attributes
    ----------
    times : (T,) array of int64 or datetime64[s]
        The labels in order: numbers as given; days as given, or the first day of a week, month, quarter or
        year.
    period : (T,) array of int64
        Number of the period on the regular axis, from 0; differences are durations in periods.
    unit : str
        ``integer``, ``day``, ``week``, ``month``, ``quarter`` or ``year``.
    step : int
        How many units one period lasts.
    position : (L,) array of int32
        Where in `times` each of the labels given is.
    regular : bool
        False when days were found on no grid, so that one period is one day.
    """

    times: np.ndarray
    period: np.ndarray
    unit: str
    step: int
    position: np.ndarray
    regular: bool = True

    @property
    def frequency(self) -> str:
        """One period in words: ``1 week``, ``2 years``, ``1`` for plain numbers."""
        if self.unit == "integer":
            return str(self.step)
        return f"{self.step} {self.unit}{'' if self.step == 1 else 's'}"


def parse_label(text: str) -> Stamp | None:
    """Read one label; None when it is no whole number and no ISO date that exists."""
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


def build_axis(stamps: Sequence[Stamp], frequency: str | None = None) -> TimeAxis:
    """Order the labels of a panel and find their period.

    Parameters
    ----------
    stamps : sequence of Stamp
        The labels, any order, possibly several of one period.
    frequency : str, optional
        What one period is; by default the largest step on whose grid all labels lie. Days that fall on the
        same day of the month, or on its last one, are months; plain numbers may have a step above 1 (every
        fifth year).

    Returns
    -------
    TimeAxis

    Raises
    ------
    TimeError
        For labels of different kinds, numbers that are really dates (202603, 20260331), a `frequency` that
        the labels do not have, or a few days off a grid that all others keep.
    """
    kind = _only_kind(stamps)
    ordinals = np.array([stamp.ordinal for stamp in stamps], dtype=np.int64)
    if frequency is not None:
        return _given_axis(ordinals, kind, frequency)
    if kind == "integer":
        _refuse_packed_dates(ordinals)
        return _axis(ordinals, ordinals, "integer", _common_step(ordinals))
    if kind in ("month", "quarter"):
        return _axis(_month_starts(ordinals * _MONTHS[kind]), ordinals, kind, _common_step(ordinals))
    days = _as_seconds(ordinals)
    if kind == "week":
        weeks = (ordinals + _WEEK_OF_DAY) // 7
        return _axis(days, weeks, "week", _common_step(weeks))
    months = _months_of_days(ordinals)
    if months is not None:
        step = _common_step(months)
        unit = next(unit for unit in ("year", "quarter", "month") if step % _MONTHS[unit] == 0)
        return _axis(days, months // _MONTHS[unit], unit, step // _MONTHS[unit])
    step, regular = _day_step(ordinals)
    unit, step = ("week", step // 7) if step % 7 == 0 else ("day", step)
    # Reports of Wednesdays are weeks from Wednesday to Wednesday, so they are counted from their own first
    # day.
    grid = (ordinals - ordinals.min()) // 7 if unit == "week" else ordinals
    return _axis(days, grid, unit, step, regular)


def periods_of_days(days: np.ndarray, unit: str) -> np.ndarray:
    """Give the numbers of the weeks (from Monday), months, quarters or years of days from 1970-01-01."""
    return (days + _WEEK_OF_DAY) // 7 if unit == "week" else _calendar_months(days) // _MONTHS[unit]


def first_days(periods: np.ndarray, unit: str) -> np.ndarray:
    """Give the first days, counted from 1970-01-01, of periods that `periods_of_days` has numbered."""
    if unit == "week":
        return periods * 7 - _WEEK_OF_DAY
    months = (periods * _MONTHS[unit]).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)


def _axis(labels: np.ndarray, grid: np.ndarray, unit: str, step: int, regular: bool = True) -> TimeAxis:
    numbers, position = np.unique(grid, return_inverse=True)
    times = np.empty(numbers.size, dtype=labels.dtype)
    times[position] = labels
    period = (numbers - numbers[0]) // step if numbers.size else numbers
    return TimeAxis(times, period, unit, step, position.astype(np.int32), regular)


def _only_kind(stamps: Sequence[Stamp]) -> str:
    kinds = [stamp.kind for stamp in stamps]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    main = max(counts, key=lambda kind: counts[kind])
    for label, kind in enumerate(kinds):
        if kind != main:
            raise TimeError(
                label,
                f"a label of kind {kind} among labels of kind {main}",
                "labels of one kind",
                f"Write all periods as {main}s or all as {kind}s.",
            )
    return main


def _given_axis(ordinals: np.ndarray, kind: str, frequency: str) -> TimeAxis:
    """Build the axis for a frequency that the user names."""
    if kind == "integer":
        return _axis(ordinals, ordinals, frequency, 1)
    months = ordinals * _MONTHS[kind] if kind in _MONTHS else _calendar_months(ordinals)
    grids = {"week": (ordinals + _WEEK_OF_DAY) // 7, "day": ordinals}
    grids |= {unit: months // length for unit, length in _MONTHS.items()}
    allowed = {
        "day": ("day", "week", "month", "quarter", "year"),
        "week": ("week",),
        "month": ("month", "quarter", "year"),
        "quarter": ("quarter", "year"),
    }[kind]
    if frequency not in allowed:
        raise TimeError(
            0,
            f"labels of kind {kind} with data.frequency: {frequency}",
            f"data.frequency: {' or '.join(allowed)}",
            "Change data.frequency, or leave it out.",
        )
    grid = grids[frequency]
    if kind == frequency or (kind == "day" and np.unique(ordinals).size == np.unique(grid).size):
        labels = _as_seconds(ordinals) if kind in ("day", "week") else _month_starts(months)
    elif frequency == "week":
        labels = _as_seconds(grid * 7 - _WEEK_OF_DAY)
    else:
        labels = _month_starts(grid * _MONTHS[frequency])
    return _axis(labels, grid, frequency, 1)


def _refuse_packed_dates(ordinals: np.ndarray) -> None:
    low, high = ordinals.min(), ordinals.max()
    month_like = low >= 190001 and high <= 210012 and np.all((ordinals % 100 >= 1) & (ordinals % 100 <= 53))
    day_like = low >= 19000101 and high <= 21001231
    if month_like or day_like:
        year, rest = divmod(int(low), 100 if month_like else 10000)
        better = f"{year}-{rest:02d}" if month_like else f"{year}-{rest // 100:02d}-{rest % 100:02d}"
        raise TimeError(
            int(ordinals.argmin()),
            f"{low}, a date without dashes",
            EXPECTED,
            f"Write {better}; or say data.frequency: integer if these are plain numbers.",
        )


def _common_step(ordinals: np.ndarray) -> int:
    steps = np.diff(np.unique(ordinals))
    return int(np.gcd.reduce(steps)) if steps.size else 1


def _day_step(ordinals: np.ndarray) -> tuple[int, bool]:
    """Give the step of days in days, and whether it is the step that most neighbours are apart."""
    days = np.unique(ordinals)
    steps = np.diff(days)
    if not steps.size:
        return 1, True
    step = int(np.gcd.reduce(steps))
    usual = int(np.bincount(steps).argmax())
    if usual == step:
        return step, True
    phases = np.bincount(days % usual, minlength=usual)
    off = days[days % usual != phases.argmax()]
    if off.size <= _SLIPS * days.size:
        raise TimeError(
            int(np.flatnonzero(ordinals == off[0])[0]),
            f"a date off the grid ({off.size} of {days.size} dates)",
            f"dates that are multiples of {usual} days apart, as the others",
            "Correct the date, or name the calendar with data.frequency (day, week, month, ...).",
        )
    return step, False


def _calendar_months(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _months_of_days(days: np.ndarray) -> np.ndarray | None:
    """Give the months of days that stand for months: one date a month, all on one day or all on the last."""
    unique = np.unique(days)
    months = _calendar_months(unique)
    if unique.size < 2 or np.unique(months).size < unique.size:
        return None
    dates = [dt.date.fromordinal(int(day) + _EPOCH) for day in unique]
    if len({date.day for date in dates}) > 1 and not all(
        date.day == calendar.monthrange(date.year, date.month)[1] for date in dates
    ):
        return None
    return _calendar_months(days)


def _month_starts(months: np.ndarray) -> np.ndarray:
    return months.astype("datetime64[M]").astype("datetime64[s]")


def _as_seconds(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[s]")
