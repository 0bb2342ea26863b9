"""Settings of a flight plan: who wants which share, by when, along which path, and what it may do for it."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections.scenario import PerPeriod, RivalsSection, TotalSection
from pipeline.config.sections.types import Flag, Integer, Number, Section, Table

PathKind = Literal["cheapest", "linear", "logistic"]
Bounds = Annotated[
    tuple[PerPeriod | None, PerPeriod | None],
    Field(
        description="[smallest, largest], each one number or one for each period; null: as far as was seen."
    ),
]
Price = Annotated[Number, Field(gt=0)]
"""Currency per period for one unit of an effort."""


class PlanSettings(Section):
    """A wanted share and the means to reach it."""

    firm: str = Field(description="The firm that plans.")
    market: Integer | str | None = Field(
        default=None, description="The market; needed when there are several."
    )
    model: str | None = Field(default=None, description="The model; by default the best by AICc.")
    target: Number | None = Field(
        default=None, gt=0, lt=1, description="The share wanted; by default the present one: hold it."
    )
    by: str = Field(
        default="+12", description="When: a date, week, month, quarter, year, or +N for N periods."
    )
    path: PathKind = Field(
        default="cheapest",
        description="cheapest: whatever costs least; linear: the same step of share every period; logistic: "
        "the same step of the log-odds.",
    )
    bounds: Table[Bounds] = Field(
        default_factory=dict,
        validate_default=True,
        description="What the firm may do with an effort; by default what any firm was seen to do.",
    )
    prices: Table[Price] = Field(
        default_factory=dict,
        validate_default=True,
        description="Currency per period for one unit of an effort of kind index; without a price such an "
        "effort stays as it is.",
    )
    budget: Number | None = Field(
        default=None, gt=0, description="Money, currency per period: which share does it hold?"
    )
    keep: Flag = Field(
        default=True,
        description="On the cheapest path, never fall below the present share on the way to a larger one: "
        "otherwise the cheapest way is often to lose customers first and win them back at the deadline.",
    )
    margin: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Part of sales that is earned; counts against the expenses on the cheapest path.",
    )
    discount: Number = Field(default=0.0, ge=0, lt=1, description="Discount rate of expenses, per period.")
    rivals: RivalsSection = Field(default=RivalsSection(), description="What the other firms do.")
    total_sales: TotalSection = Field(default=TotalSection(), description="Sales of the whole market.")
    start: Literal["observed", "calibrated"] = Field(
        default="observed", description="Shares to start from, at the end of the data."
    )
    draws: Integer = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Draws for the probability of reaching the target; 0: none.",
    )
    seed: Integer = Field(default=0, ge=0, description="Root of the random numbers.")
