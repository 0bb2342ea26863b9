"""The date for which a calibration is made, which is not the date on which it runs.

Point queries of a store import this file, so it does without pandas (see `pipeline.panel.stamps`).
"""

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np

from pipeline.errors import PlanError
from pipeline.panel.stamps import Stamp, first_day, last_day, parse_label

EXPECTED = (
    "a date (2026-03-31, 2026-W13, 2026-03, 2026-Q1), a moment (2026-03-31T02:30:00), or a period's number"
)
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:Z|\+00:00)?")
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class LogicalDate:
    """A day, a moment of a day, or the number of a period.

    Attributes
    ----------
    key
        As written in tags and tables: ``2026-03-31``, ``2026-03-31T02:30:00`` (UTC) or ``120``.
    dated
        Whether it is a day or moment, not a number.
    ordinal
        Days from 1970-01-01, or the number.
    """

    key: str
    dated: bool
    ordinal: int

    def __lt__(self, other: "LogicalDate") -> bool:
        return (self.dated, self.ordinal, self.key) < (other.dated, other.ordinal, other.key)

    def __str__(self) -> str:
        return self.key

    @classmethod
    def parse(cls, text: str) -> "LogicalDate":
        """Read a date; a week, month or quarter means its last day.

        Raises
        ------
        PlanError
            The text is no date.
        """
        text = text.strip()
        if match := _MOMENT.fullmatch(text):
            try:
                return cls.of(dt.datetime.fromisoformat("T".join([match[1], text[11:19].rstrip("Z")])))
            except ValueError:
                pass
        elif (stamp := parse_label(text)) is not None:
            last = last_day(stamp)
            return cls(str(last), False, last) if stamp.kind == "integer" else cls.of(last)
        raise PlanError(f"Got the date {text!r}; expected {EXPECTED}.")

    @classmethod
    def of(cls, moment: dt.datetime | int) -> "LogicalDate":
        """Make the date of a moment in UTC (midnight is the day itself), or of days from 1970-01-01."""
        if isinstance(moment, int):
            return cls((_EPOCH + dt.timedelta(moment)).isoformat(), True, moment)
        plain = moment.replace(tzinfo=None, microsecond=0)
        days = (plain.date() - _EPOCH).days
        midnight = plain.time() == dt.time()
        return cls(plain.date().isoformat() if midnight else plain.isoformat(), True, days)

    @classmethod
    def today(cls) -> "LogicalDate":
        """Give the current day, UTC."""
        return cls.of((dt.datetime.now(dt.UTC).date() - _EPOCH).days)

    @classmethod
    def of_label(cls, label: np.generic) -> "LogicalDate":
        """Make the date of a label of the axis ``time``."""
        if isinstance(label, np.datetime64):
            return cls.of(int(label.astype("datetime64[D]").astype(int)))
        return cls(str(int(label)), False, int(label))


@dataclass(frozen=True, slots=True)
class Span:
    """The periods of a panel that are used; rows of other periods are ignored.

    Attributes
    ----------
    dated
        Whether the bounds are days from 1970-01-01; else they are numbers of periods.
    first, last
        Bounds, both included; None for no bound.
    """

    dated: bool
    first: int | None = None
    last: int | None = None

    def contains(self, stamp: Stamp) -> bool:
        """Tell whether a period begins inside; dates and numbers do not bound each other."""
        if self.dated == (stamp.kind == "integer"):
            return True
        day = first_day(stamp)
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    def contains_label(self, label: np.generic) -> bool:
        """Tell whether a label of the axis ``time`` is inside."""
        date = LogicalDate.of_label(label)
        return self.contains(Stamp("day" if date.dated else "integer", date.ordinal))
