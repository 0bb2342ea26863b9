"""Cron expressions read to the numbers they stand for.

Read by hand, because `CronTrigger.from_crontab` of APScheduler 3.11 silently reads other moments than cron:
it takes the 1 of ``0 6 * * 1`` for Tuesday, drops the step of ``mon-fri/2``, and takes a day of the month
beside a weekday as both, where cron takes either. It refuses 7 for Sunday, ``@daily`` and seconds, accepts
the 30th of February, and takes 0.3 s to import whenever a study is checked. Units for systemd need the
numbers in any case. `pipeline.vintages.schedule` hands them to APScheduler by field, weekdays by name.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(NamedTuple):
    """A field of an expression: its range, and the names that stand for the numbers from its smallest on."""

    name: str
    smallest: int
    largest: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),  # both 0 and 7 are Sunday
)
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_PART = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d+))?")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class CronError(ValueError):
    """An expression that stands for no moments, or not for the same ones everywhere; the text says why."""


@dataclass(frozen=True)
class Cron:
    """Moments in UTC: every combination of the numbers in the fields.

    Attributes
    ----------
    text
        As the user wrote it.
    second, minute, hour, day, month, weekday
        Sorted numbers; Sunday is 0. None stands for every number.
    """

    text: str
    second: tuple[int, ...] | None
    minute: tuple[int, ...] | None
    hour: tuple[int, ...] | None
    day: tuple[int, ...] | None
    month: tuple[int, ...] | None
    weekday: tuple[int, ...] | None

    @property
    def seconds_given(self) -> bool:
        """Whether it has the sixth field, which cron itself does not know."""
        return self.second != (0,)

    @property
    def daily_at_most(self) -> bool:
        """Whether no day has two of its moments."""
        return all(field is not None and len(field) == 1 for field in (self.second, self.minute, self.hour))


def parse_cron(text: str) -> Cron:
    """Read five fields (minute, hour, day, month, weekday), or six with seconds first, or @daily and so on.

    Raises
    ------
    CronError
        It cannot be read, never comes, or stands for different moments in different schedulers.
    """
    words = _NICKNAMES.get(text.strip().lower(), text).lower().split()
    if len(words) not in (5, 6):
        raise CronError(f"{len(words)} fields; expected 5: minute, hour, day of month, month, weekday")
    numbers: dict[str, tuple[int, ...] | None] = {"second": (0,)}
    for word, field in zip(words, _FIELDS[-len(words) :], strict=True):
        numbers[field.name] = _numbers(word, field)
    if numbers["weekday"] is not None:
        weekdays = sorted({day % 7 for day in numbers["weekday"]})
        numbers["weekday"] = None if len(weekdays) == 7 else tuple(weekdays)
    cron = Cron(text.strip(), **numbers)
    _check_days(cron)
    return cron


def _check_days(cron: Cron) -> None:
    """Refuse days that never come, or that schedulers do not agree on."""
    if cron.day is None:
        return
    if cron.weekday is not None:
        raise CronError(
            "a day of the month and a weekday, which cron takes as either and others as both; "
            "expected a * in one of the two"
        )
    if cron.month is not None and min(cron.day) > max(_DAYS_IN_MONTH[month - 1] for month in cron.month):
        raise CronError(f"the day {min(cron.day)} in a month that never has it")


def _numbers(word: str, field: _Field) -> tuple[int, ...] | None:
    """Read the numbers of one field; None when they are all that it has."""
    numbers: set[int] = set()
    for part in word.split(","):
        numbers.update(_range(part, field))
    return None if len(numbers) == field.largest - field.smallest + 1 else tuple(sorted(numbers))


def _range(part: str, field: _Field) -> range:
    """Read one item of a list: ``*``, ``5``, ``1-5``, each perhaps with a step: ``*/15``."""
    match = _PART.fullmatch(part)
    if match is None:
        expected = "numbers, ranges 1-5, steps */15 or lists 1,15"
        raise CronError(f"{part!r} as the {field.name}; expected {expected}")
    first, last, step = match.groups()
    if step and int(step) < 1:
        raise CronError(f"{part!r} as the {field.name}; expected a step of at least 1")
    if first == "*" and last:
        raise CronError(f"{part!r} as the {field.name}; expected * or a range of numbers")
    start = field.smallest if first == "*" else _number(first, field)
    end = field.largest if step or first == "*" else start
    stop = _number(last, field) if last else end
    if stop < start:
        raise CronError(f"{part!r} as the {field.name}; expected a range that ascends")
    return range(start, stop + 1, int(step) if step else 1)


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.smallest + field.names.index(text)
    if not text.isdecimal() or not field.smallest <= int(text) <= field.largest:
        names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise CronError(f"{text!r} as the {field.name}; expected {field.smallest} to {field.largest}{names}")
    return int(text)
