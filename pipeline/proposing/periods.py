"""Which columns give a period, how their dates are written, and how long a period is."""

from dataclasses import dataclass

import numpy as np

from pipeline.panel.reading.sample import Column
from pipeline.panel.stamps import parse_label
from pipeline.panel.time_axis import TimeAxis, TimeError, build_axis

# Months and years follow days, so that what can be a day is one.
_FORMATS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%Y%m%d", "%m/%Y", "%m.%Y", "%Y/%m", "%Y.%m", "%b %Y", "%B %Y", "%b-%y", "%Y%m",
)  # fmt: skip
_FEWEST = 4


@dataclass(frozen=True)
class Periods:
    """A column read as periods.

    Attributes
    ----------
    axis : TimeAxis
        The periods.
    date_format : str or None
        How dates are written; None for whole numbers and ISO dates.
    dated : bool
        Whether the labels are dates.
    """

    axis: TimeAxis
    date_format: str | None
    dated: bool


def read_periods(column: Column) -> Periods | None:
    """Read a column as periods, in the way in which its dates are most regular; None when it is none."""
    labels = column.distinct
    if len(labels) < 2:
        return None
    found = [
        periods for date_format in (None, *_FORMATS) if (periods := _read(labels, date_format)) is not None
    ]
    dated = [periods for periods in found if periods.dated]
    # 202401 is a whole number, and a month. Of dates that can be read in two ways, 03/04 and 10/04, the one
    # without gaps is meant.
    return min(dated or found, key=_irregularity, default=None)


def _irregularity(periods: Periods) -> tuple[bool, int]:
    return not periods.axis.regular, int(periods.axis.period[-1]) - periods.axis.period.size


def _read(labels: list[str], date_format: str | None) -> Periods | None:
    if date_format is None:
        stamps = [parse_label(label) for label in labels]
    else:
        if not _may_fit(labels[0], date_format):
            return None
        stamps = [
            stamp if (stamp := parse_label(label, date_format)) and stamp.kind == "day" else None
            for label in labels
        ]
    read = [stamp for stamp in stamps if stamp is not None]
    if len(read) < len(stamps):
        return None
    try:
        return Periods(build_axis(read), date_format, read[0].kind != "integer")
    except TimeError:
        return None


def _may_fit(label: str, date_format: str) -> bool:
    """Tell quickly whether a text can be of a format; whole numbers are dates only in a likely century."""
    stamp = parse_label(label, date_format)
    if stamp is None or stamp.kind != "day":
        return False
    return not label.isdigit() or (len(label) in (6, 8) and label[:2] in ("19", "20"))


def is_counter(column: Column) -> bool:
    """Tell whether a column of whole numbers looks like a count of periods: evenly spaced, and repeated."""
    if not column.is_whole:
        return False
    numbers = np.unique(column.numbers[np.isfinite(column.numbers)])
    steps = np.diff(numbers)
    return numbers.size >= _FEWEST and bool((steps == steps[0]).all())
