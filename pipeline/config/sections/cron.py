"""Schedules as cron writes them, read into the moments they mean."""

import re
from dataclasses import dataclass

_FIELDS: tuple[tuple[str, int, int], ...] = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_PART = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d+))?")


class CronError(ValueError):
    """An expression that means no moments; the text says why."""


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
        It cannot be read, can never be, or means different things to different schedulers.
    """
    written = _SHORT.get(text.strip().lower(), text).lower().split()
    if len(written) not in (5, 6):
        raise CronError(f"{len(written)} fields; expected 5: minute, hour, day of month, month, weekday")
    fields = _FIELDS[6 - len(written) :]
    found: dict[str, tuple[int, ...] | None] = {"second": (0,)}
    for word, (name, low, high) in zip(written, fields, strict=True):
        found[name] = _field(word, name, low, high)
    if found["weekday"] is not None:
        found["weekday"] = tuple(sorted({day % 7 for day in found["weekday"]}))
        found["weekday"] = None if len(found["weekday"]) == 7 else found["weekday"]
    if found["day"] is not None and found["weekday"] is not None:
        raise CronError(
            "a day of the month and a weekday, which cron takes as either and others as both; "
            "expected a * in one of the two"
        )
    if found["day"] is not None and found["month"] is not None:
        longest = max(29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in found["month"])
        if min(found["day"]) > longest:
            raise CronError(f"the day {min(found['day'])} in a month that never has it")
    return Cron(text.strip(), **found)


def _field(word: str, name: str, low: int, high: int) -> tuple[int, ...] | None:
    numbers: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise CronError(f"{part!r} as the {name}; expected numbers, ranges 1-5, steps */15 or lists 1,15")
        first, last, step = match.groups()
        stride = int(step) if step else 1
        if stride < 1:
            raise CronError(f"{part!r} as the {name}; expected a step of at least 1")
        if first == "*":
            if last:
                raise CronError(f"{part!r} as the {name}; expected * or a range of numbers")
            start, stop = low, high
        else:
            start = _number(first, name, low, high)
            stop = _number(last, name, low, high) if last else high if step else start
        if stop < start:
            raise CronError(f"{part!r} as the {name}; expected a range that ascends")
        numbers.update(range(start, stop + 1, stride))
    return None if len(numbers) == high - low + 1 else tuple(sorted(numbers))


def _number(text: str, name: str, low: int, high: int) -> int:
    names = _NAMES.get(name, [])
    if text in names:
        return names.index(text) + (1 if name == "month" else 0)
    if not text.isdigit() or not low <= int(text) <= high:
        also = f" or {names[0]} to {names[-1]}" if names else ""
        raise CronError(f"{text!r} as the {name}; expected {low} to {high}{also}")
    return int(text)
