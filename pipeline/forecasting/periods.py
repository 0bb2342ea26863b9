"""Labels of the periods after the data, and which of them a deadline means."""

import re

import numpy as np
import pandas as pd

from pipeline.errors import QueryError
from pipeline.panel.stamps import EXPECTED, last_day, parse_label

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_FREQUENCY = re.compile(r"(\d+)(?: (day|week|month|quarter|year)s?)?")
_YEAR = re.compile(r"\d{4}")
_PERIODS = re.compile(r"\+(\d+)")
_MOST_PERIODS = 100_000


def future_labels(times: np.ndarray, frequency: str, horizon: int) -> np.ndarray:
    """Label the periods after the last one.

    Parameters
    ----------
    times : (T,) array of int64 or datetime64
        Labels of the known periods, ascending.
    frequency : str
        What one period is: ``1 week``, ``3 months``, or a plain step ``5`` for numbers.
    horizon : int
        How many labels.

    Returns
    -------
    (horizon,) array
        Of the type of `times`; months that begin on another day than the 1st keep it as far as it exists.
    """
    match = _FREQUENCY.fullmatch(frequency)
    count, unit = (int(match[1]), match[2]) if match else (1, None)
    steps = count * np.arange(1, horizon + 1)
    last = times[-1]
    if times.dtype.kind != "M":
        return np.asarray(last + steps)
    if unit is None:
        spacing = (times[-1] - times[-2]) if times.size > 1 else np.timedelta64(1, "D")
        return np.asarray(last + spacing * np.arange(1, horizon + 1))
    if unit in _DAYS:
        return np.asarray(last + np.timedelta64(_DAYS[unit], "D") * steps)
    return _months_later(last, _MONTHS[unit] * steps).astype(times.dtype)


def _months_later(last: np.datetime64, months: np.ndarray) -> np.ndarray:
    """Give the same day so many months later; the last day of a month stays on the last day."""
    first = last.astype("datetime64[M]") + months * np.timedelta64(1, "M")
    length = pd.DatetimeIndex(first).days_in_month.to_numpy()
    day = pd.Timestamp(last)
    days = length if day.is_month_end else np.minimum(day.day, length)
    return np.asarray(first.astype("datetime64[D]") + (days - 1) * np.timedelta64(1, "D"))


def gap_before(own_last: int, panel_last: int, horizon: int) -> np.ndarray:
    """Lengths of the periods to come: the first one bridges what the market's data lack at the end."""
    duration = np.ones(horizon)
    duration[0] += panel_last - own_last
    return duration


def periods_until(times: np.ndarray, frequency: str, deadline: str) -> int:
    """Count the periods after the data up to a deadline.

    Parameters
    ----------
    times : (T,) array
        Labels of the known periods.
    frequency : str
        What one period is.
    deadline : str
        ``+26`` for so many periods; or a label of the time axis, a day, week, month, quarter or year: then
        the last period that begins before it is over.

    Raises
    ------
    QueryError
        It cannot be read, or is over before the first period after the data begins.
    """
    text = deadline.strip()
    if match := _PERIODS.fullmatch(text):
        count = int(match[1])
        if not 1 <= count <= _MOST_PERIODS:
            raise QueryError(f"Got the deadline {text}; expected +1 or more periods after the data.")
        return count
    end = _end_of(text, dates=times.dtype.kind == "M")
    count = 64
    while True:
        labels = future_labels(times, frequency, count)
        within = int(np.searchsorted(labels, end, side="left"))
        if within < count or count >= _MOST_PERIODS:
            break
        count *= 4
    if within < 1:
        raise QueryError(
            f"Got the deadline {text}; the data end with {times[-1]} and the next period begins with "
            f"{labels[0]}, so expected a later one, or +N for N periods."
        )
    return within


def _end_of(text: str, *, dates: bool) -> np.datetime64 | int:
    """First moment (or number) after a label."""
    stamp = parse_label(text)
    if dates and _YEAR.fullmatch(text):
        return np.datetime64(f"{int(text) + 1:04d}-01-01", "s")
    if stamp is None or dates == (stamp.kind == "integer"):
        wanted = EXPECTED if dates else "a whole number, as the periods are"
        raise QueryError(f"Got the deadline {text!r}; expected {wanted}, or +N for N periods.")
    end = last_day(stamp) + 1
    return np.datetime64(end, "D").astype("datetime64[s]") if dates else end


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
