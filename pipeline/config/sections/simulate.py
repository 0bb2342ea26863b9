"""The section `simulate` of a study: markets simulated from a known truth, to see what is recovered."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.config.sections.models import CarryOvers, CarryOverSection, Effects, Response
from pipeline.config.sections.types import (
    CalendarFrequency,
    Count,
    Fraction,
    Integer,
    Number,
    Positive,
    Section,
    Table,
    refusal,
)

MOST_FIRMS = 10_000
MOST_PERIODS = 100_000


class BudgetSection(Section):
    """One type of expense and its fraction of the invested money."""

    part: Number = Field(
        gt=0, le=1, description="Fraction of the invested money that goes to this expense, on average."
    )
    description: str = Field(default="", description="A few words for tables and plots.")


class TruthSection(Section):
    """The true market function, and the true M and γ, of the simulated markets."""

    response: Response = Field(description="The true f, written as in `models.response`.")
    firm_effects: Effects = Field(
        default="none", description="True firm effects, as in `models.firm_effects`."
    )
    carry_over: CarryOvers = Field(
        default=CarryOverSection(), description="True carry-over, as in `models.carry_over`."
    )
    parameters: Table[Number] = Field(
        description="True value of every parameter of f, of `jump_price` (M, in currency) and of "
        "`returns_to_scale` (γ)."
    )


def _spell_out_firms(value: Any) -> Any:
    """Name the firms when only their number is given."""
    if type(value) is not int or value < 1:
        return value
    if value > MOST_FIRMS:
        raise refusal(f"{value:,} firms", f"at most {MOST_FIRMS:,}")
    width = len(str(value))
    return [f"firm {number:0{width}d}" for number in range(1, value + 1)]


FirmNames = Annotated[
    tuple[str, ...], BeforeValidator(_spell_out_firms, json_schema_input_type=int | list[str])
]


class SimulateSection(Section):
    """Replicated markets that follow the equation under budgets set by their firms, observed with noise.

    Budgets are fractions of the firm's own sales, σ = E/X (kind ratio): a firm that grows spends more. From
    time to time each firm changes each of its budgets, independently of the others.
    """

    markets: Count = Field(default=1, description="How many markets, alike except for their random numbers.")
    firms: FirmNames = Field(
        min_length=2, max_length=MOST_FIRMS, description="How many firms, or their names."
    )
    periods: Integer = Field(ge=3, le=MOST_PERIODS, description="How many periods are observed.")
    start: str | None = Field(
        default=None,
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="Date of the first period, e.g. 2024-01-01; without it periods are numbered from 1.",
    )
    frequency: CalendarFrequency = Field(default="week", description="What one period is.")
    currency: str = Field(default="currency", description="Unit of sales, budgets and M.")
    total_sales: Positive = Field(
        description="Mean total sales of a market, in currency per period; also the reference sales X_ref."
    )
    variation: Fraction = Field(
        default=0.0, description="How total sales vary from period to period: relative standard deviation."
    )
    invested: Number = Field(
        gt=0, le=1, description="Fraction of the sales of a market that its firms invest, over all periods."
    )
    efforts: Table[BudgetSection] = Field(min_length=1, description="The types of expense.")
    campaign: Number = Field(
        default=8.0,
        ge=1,
        description="Periods for which a budget stays as it is, on average, until the firm changes it.",
    )
    spread: Number = Field(
        default=0.5,
        ge=0,
        le=3,
        description="Standard deviation of the logarithm of budgets between firms and campaigns.",
    )
    noise: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Noise of the observed shares: standard deviation in log-ratio coordinates.",
    )
    truth: TruthSection = Field(description="The true market function and parameters.")
