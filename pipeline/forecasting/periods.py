"""The periods after the data: their labels and lengths, deadlines among them, values for each of them."""

import re

import numpy as np

from pipeline.config.sections.scenario import PerPeriod
from pipeline.errors import QueryError
from pipeline.panel.dates import LogicalDate
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
    """Add months to a date, all at once; pandas adds them one by one, and only up to the year 9999."""
    one_day, one_month = np.timedelta64(1, "D"), np.timedelta64(1, "M")
    date, begin = np.asarray(last, "datetime64[D]"), np.asarray(last, "datetime64[M]")
    month = begin + months * one_month
    days_before = date - _first_day(begin)
    days_to_last = _first_day(month + one_month) - one_day - _first_day(month)
    # Labels on the last day of months stay there; others keep their day where the month has it.
    is_last_day = date + one_day == _first_day(begin + one_month)
    return np.asarray(
        _first_day(month) + (days_to_last if is_last_day else np.minimum(days_before, days_to_last))
    )


def _first_day(month: np.ndarray) -> np.ndarray:
    return month.astype("datetime64[D]")


def label_text(label: np.generic) -> str:
    """Write the label of a period as people do: ``2026-03-31`` or ``120``."""
    return LogicalDate.of_label(label).key


def durations_ahead(market_last: int, panel_last: int, horizon: int) -> np.ndarray:
    """Lengths of the periods to come; the first one bridges the periods that a market lacks at its end.

    Parameters
    ----------
    market_last, panel_last : int
        Numbers of the last period of the market, and of the panel.
    horizon : int
        How many periods.
    """
    duration = np.ones(horizon)
    duration[0] += panel_last - market_last
    return duration


def one_per_period(values: PerPeriod, horizon: int, what: str) -> np.ndarray:
    """Spread one number over all periods, or take one number for each, shape (horizon,).

    Parameters
    ----------
    values
        One number, or as many as there are periods.
    horizon : int
        How many periods.
    what : str
        What is counted, for the message: ``values for firm A``.

    Raises
    ------
    QueryError
        Another count of numbers.
    """
    numbers = np.atleast_1d(np.asarray(values, dtype=float))
    if numbers.size not in (1, horizon):
        raise QueryError(
            f"Got {numbers.size} {what}; expected one, or one for each of the {horizon} periods."
        )
    return np.broadcast_to(numbers, horizon).copy()


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
        The deadline cannot be read, or is over before the first period after the data begins.
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
            f"Got the deadline {text}; the data end with {label_text(times[-1])} and the next period begins "
            f"with {label_text(labels[0])}, so expected a later one, or +N for N periods."
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
