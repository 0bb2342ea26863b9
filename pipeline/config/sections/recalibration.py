"""The section `recalibration` of a study: when it is calibrated again, on which periods, what is an alarm."""

import re

from pydantic import Field

from pipeline.config.duration import parse_duration
from pipeline.config.sections.types import Count, Flag, Fraction, Integer, OrNothing, Positive, Section

EXPANDING = "expanding"
_WINDOW = re.compile(r"rolling ([1-9]\d{0,5})")


class ThresholdsSection(Section):
    """How far a market may drift before it is reported; null: not watched."""

    change: Positive | None = Field(
        default=3.0,
        description="Change of a parameter of the market's best model, in standard errors of such a change; "
        "where several are watched, theirs are raised so that all together go beyond as rarely as one.",
    )
    forecast: Positive | None = Field(
        default=3.0,
        description="RMSE of the shares forecast by the market's best model, over the RMSE of its fit "
        "(of forecasts as far ahead, where errors last).",
    )
    best_model: Flag = Field(default=False, description="Whether another best model (by AICc) is drift.")
    markets: Fraction = Field(
        default=0.0, description="Fraction of the markets that may drift without an alarm."
    )


class RecalibrationSection(Section):
    """How a calibration is kept current."""

    schedule: str | None = Field(
        default=None,
        description="When, as cron writes it, in UTC (minute, hour, day, month, weekday): `0 6 * * 1`.",
    )
    window: str = Field(
        default=EXPANDING,
        pattern=r"^(expanding|rolling [1-9][0-9]{0,5})$",
        description="Periods fitted: expanding (all up to the date) or `rolling 104` (the last 104).",
    )
    starts: Integer = Field(
        default=3,
        ge=0,
        description="New starting points beside the last calibration's estimates; fewer than fit.starts.",
    )
    delay: Integer = Field(
        default=0,
        ge=0,
        description="Days (periods, where they are numbers) that a period must be past its label to be used: "
        "7 for weeks named by their first day whose figures come in daily.",
    )
    late: Integer | None = Field(
        default=1,
        ge=0,
        description="Periods that may be missing between the data and the date; with more the data are late. "
        "null: any number.",
    )
    lookback: Integer = Field(
        default=8, ge=2, le=10_000, description="Periods before a new one that it is compared with."
    )
    complete: Fraction = Field(
        default=0.6,
        description="A new period is incomplete when its total sales are below this fraction of the median "
        "of the periods before, and below each of them; 0: never.",
    )
    tolerance: Fraction = Field(
        default=0.1,
        description="Fraction of the markets that may be missing or look incomplete in a new period: they "
        "are named in a note. The total of all markets is checked without it.",
    )
    exits: Flag = Field(
        default=False, description="Whether firms may leave a market; false: a firm that leaves is a problem."
    )
    catch_up: Count = Field(
        default=50, description="Missed dates that a scheduler calibrates afterwards at most, the latest."
    )
    time_limit: str | None = Field(
        default=None,
        description="Time that `beed schedule` gives one date, e.g. 2h, before it stops it in order (a "
        "minute later by force), reports it and goes on with the next. null: any.",
    )
    thresholds: OrNothing[ThresholdsSection] = Field(
        default=ThresholdsSection(), description="What counts as drift."
    )

    @property
    def seconds(self) -> float | None:
        """The time limit in seconds; None without one."""
        return None if self.time_limit is None else parse_duration(self.time_limit)

    @property
    def rolling(self) -> int | None:
        """Length of the rolling window in periods; None when it expands."""
        match = _WINDOW.fullmatch(self.window)
        return int(match[1]) if match else None
