"""Settings of a flight plan: who wants which share, by when, along which path, and with which means."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.sections.scenario import (
    DrawsSection,
    PerPeriod,
    RivalsSection,
    StartShares,
    TotalSales,
    TotalSection,
)
from pipeline.config.sections.types import (
    Flag,
    Fraction,
    Integer,
    Number,
    Positive,
    Section,
    Seed,
    Table,
    optional_table,
    refusal,
)

PathKind = Literal["cheapest", "linear", "logistic"]
Bounds = Annotated[
    tuple[PerPeriod | None, PerPeriod | None],
    Field(
        description="[smallest, largest], each one number or one for each period; null: what was "
        "observed, in plans widened by `widen`."
    ),
]


class OneMarketSettings(Section):
    """What flight plans and games have in common: one market under one model, prices, start and seed."""

    market: Integer | str | None = Field(
        default=None, description="The market; needed when there are several."
    )
    model: str | None = Field(
        default=None,
        description="The model, * stands for anything; best: the best by AICc; by default that of the "
        "verdict, the one that forecast best where forecasts were held out.",
    )
    prices: Table[Number] = optional_table(
        "Currency per period for one unit of an effort of kind index; without a price such an effort stays "
        "as it is."
    )
    discount: Fraction = Field(default=0.0, description="Discount rate of expenses and earnings, per period.")
    total_sales: TotalSales = TotalSection()
    start: StartShares = "observed"
    seed: Seed = 0

    @model_validator(mode="after")
    def _prices_are_positive(self) -> Self:
        for effort, price in self.prices.items():
            if price <= 0:
                raise refusal(f"a price of {price:g} for {effort}", "prices > 0")
        return self


class PlanSettings(OneMarketSettings):
    """The share a firm wants and the means to reach it."""

    firm: str = Field(description="The firm that plans.")
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
    bounds: Table[Bounds] = optional_table(
        "Bounds of the firm's efforts, of prices in currency; by default what this firm was observed to do, "
        "widened by `widen`."
    )
    widen: Number = Field(
        default=1.5,
        ge=1,
        le=1000,
        description="Where no bound is given: money goes from 0 to so many times the most that this firm was "
        "seen to spend of it (as a part of sales, where the effort is one); other efforts may leave the "
        "middle of what was seen so many times as far as they did.",
    )
    ramps: Table[Number] = optional_table(
        "Largest change of an effort from one period to the next, up or down, in its unit (a price in "
        "currency); the first one counts from the last known period."
    )
    cap: PerPeriod | None = Field(
        default=None, description="Most money, currency per period: one number, or one for each period."
    )
    value_after: Integer = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Periods after the deadline over which the target is held; what that costs counts, less "
        "the margin earned, so that nothing is run down on the way that has to be paid for later.",
    )
    budget: Positive | None = Field(
        default=None, description="Money, currency per period: which share does it hold?"
    )
    keep: Flag = Field(
        default=True,
        description="On the cheapest path, never fall below the smaller of the present share and the target "
        "on the way: otherwise the cheapest way is often to lose customers first and win them back at the "
        "deadline.",
    )
    margin: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of sales that is earned, at usual prices; counts against the expenses on the "
        "cheapest path. Above 0 the price that firms set (role: price) is planned, too, in currency: below "
        "the firm's mean price a unit gives up margin.",
    )
    rivals: RivalsSection = Field(default=RivalsSection(), description="What the other firms do.")
    probability: Number | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Reach the target or more with this chance: the plan then aims at a larger share. By "
        "default it aims at the target.",
    )
    uncertainty: DrawsSection = Field(
        default=DrawsSection(draws=400),
        description="What the chance of reaching the target contains.",
    )

    @model_validator(mode="after")
    def _limits_are_positive(self) -> Self:
        for effort, ramp in self.ramps.items():
            if ramp <= 0:
                raise refusal(f"a ramp of {ramp:g} for {effort}", "ramps > 0")
        for cap in self.cap if isinstance(self.cap, tuple) else (self.cap,):
            if cap is not None and cap <= 0:
                raise refusal(f"a cap of {cap:g}", "caps > 0")
        return self
