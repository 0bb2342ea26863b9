"""From labels of periods to an ordered time axis with a regular period."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.panel.stamps import EXPECTED, Stamp

# Weeks begin on Monday.
_FREQUENCIES = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
# What a user may count the periods in, by the kind of the labels.
_ALLOWED = {
    "day": ("day", "week", "month", "quarter", "year"),
    "week": ("week",),
    "month": ("month", "quarter", "year"),
    "quarter": ("quarter", "year"),
}
# Dates off a regular grid are mistakes if they are at most this part of all dates, else another calendar.
_SLIPS = 0.1


class TimeError(ValueError):
    """The labels make no time axis; `label` is the position of one that is wrong."""

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
        Position of each given label in `times`.
    regular : bool
        False when days are on no regular grid, so that one period is one day.
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
    if kind == "integer":
        if frequency is not None:
            return _axis(ordinals, ordinals, frequency, 1)
        _refuse_packed_dates(ordinals)
        return _axis(ordinals, ordinals, "integer", _common_step(ordinals))
    if kind == "week":  # its ordinal is that of its Monday
        ordinals = periods_of_days(ordinals, "week")
    labels = _periods(ordinals, kind)
    if frequency is not None:
        return _axis_of_frequency(labels, kind, frequency)
    if kind == "day":
        return _axis_of_days(labels)
    return _axis(_first_moments(labels), ordinals, kind, _common_step(ordinals))


def periods_of_days(days: np.ndarray, unit: str) -> np.ndarray:
    """Give the weeks (from Monday), months, quarters or years of days, all counted from 1970-01-01."""
    return _numbers(_periods(days, "day").asfreq(_FREQUENCIES[unit]))


def first_days(periods: np.ndarray, unit: str) -> np.ndarray:
    """Give the first days, counted from 1970-01-01, of periods that `periods_of_days` has numbered."""
    return _numbers(_periods(periods, unit).asfreq("D", how="S"))


def _periods(numbers: np.ndarray, unit: str) -> pd.PeriodIndex:
    # The types of pandas that mypy reads leave this method out.
    return pd.PeriodIndex.from_ordinals(numbers, freq=_FREQUENCIES[unit])  # type: ignore[attr-defined]


def _numbers(periods: pd.PeriodIndex) -> np.ndarray:
    return periods.astype("int64").to_numpy()


def _first_moments(periods: pd.PeriodIndex) -> np.ndarray:
    return _numbers(periods.asfreq("D", how="S")).astype("datetime64[D]").astype("datetime64[s]")


def _axis(labels: np.ndarray, grid: np.ndarray, unit: str, step: int, regular: bool = True) -> TimeAxis:
    numbers, position = np.unique(grid, return_inverse=True)
    times = np.empty(numbers.size, dtype=labels.dtype)
    times[position] = labels
    period = (numbers - numbers[0]) // step if numbers.size else numbers
    return TimeAxis(times, period, unit, step, position.astype(np.int32), regular)


def _only_kind(stamps: Sequence[Stamp]) -> str:
    kinds = [stamp.kind for stamp in stamps]
    main = Counter(kinds).most_common(1)[0][0]
    for label, kind in enumerate(kinds):
        if kind != main:
            raise TimeError(
                label,
                f"a label of kind {kind} among labels of kind {main}",
                "labels of one kind",
                f"Write all periods as {main}s or all as {kind}s.",
            )
    return main


def _axis_of_frequency(labels: pd.PeriodIndex, kind: str, frequency: str) -> TimeAxis:
    """Build the axis for a frequency that the user names."""
    if frequency not in _ALLOWED[kind]:
        raise TimeError(
            0,
            f"labels of kind {kind} with data.frequency: {frequency}",
            f"data.frequency: {' or '.join(_ALLOWED[kind])}",
            "Change data.frequency, or leave it out.",
        )
    periods = labels.asfreq(_FREQUENCIES[frequency])
    # Days keep their labels as long as no two of them fall in one period.
    kept = kind == frequency or (kind == "day" and labels.nunique() == periods.nunique())
    return _axis(_first_moments(labels if kept else periods), _numbers(periods), frequency, 1)


def _axis_of_days(days: pd.PeriodIndex) -> TimeAxis:
    """Find the period of days: years, quarters, months, weeks, or a number of days."""
    moments = _first_moments(days)
    if _stand_for_months(days.unique()):
        step = _common_step(_numbers(days.asfreq("M")))
        unit = "year" if step % 12 == 0 else "quarter" if step % 3 == 0 else "month"
        grid = _numbers(days.asfreq(_FREQUENCIES[unit]))
        return _axis(moments, grid, unit, _common_step(grid))
    grid = _numbers(days)
    step, regular = _day_step(grid)
    if step % 7:
        return _axis(moments, grid, "day", step, regular)
    # Weeks are counted from the first day: data of Wednesdays are weeks from Wednesday to Wednesday.
    return _axis(moments, (grid - grid.min()) // 7, "week", step // 7, regular)


def _stand_for_months(days: pd.PeriodIndex) -> bool:
    """Tell whether days mean months: at most one a month, all on the same day of it or all on the last."""
    if days.size < 2 or days.asfreq("M").nunique() < days.size:
        return False
    return len(set(days.day)) == 1 or bool((days.day == days.days_in_month).all())


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
    """Give the common step of days, and whether it is also the most frequent one."""
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
