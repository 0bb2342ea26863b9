"""The section `simulate` of a study: markets made up from a known truth, to see what is recovered."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.config.sections.models import CarryOvers, CarryOverSection, Effects, Response
from pipeline.config.sections.types import Integer, Number, Section, Table


class BudgetSection(Section):
    """One type of expense and the part of the money invested in sales that goes to it."""

    part: Number = Field(
        gt=0, le=1, description="Part of the invested money that goes to this expense, on average."
    )
    description: str = Field(default="", description="A few words for tables and plots.")


class TruthSection(Section):
    """The market function and the prices of movement that the simulated firms live under."""

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


def _as_names(value: Any) -> Any:
    if type(value) is not int or value < 1:
        return value
    width = len(str(value))
    return [f"firm {number:0{width}d}" for number in range(1, value + 1)]


class SimulateSection(Section):
    """Replicated markets that follow the equation under budgets set by their firms, seen with noise.

    Budgets are shares of the firm's own sales, σ = E/X (kind ratio): a firm that grows spends more. Each firm
    sets each of its budgets anew from time to time, on its own.
    """

    markets: Integer = Field(
        default=1, ge=1, description="How many markets, alike but for their random numbers."
    )
    firms: Annotated[tuple[str, ...], BeforeValidator(_as_names, json_schema_input_type=int | list[str])] = (
        Field(min_length=2, description="How many firms, or their names.")
    )
    periods: Integer = Field(ge=3, description="How many periods are observed.")
    start: str | None = Field(
        default=None,
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        description="Date of the first period, e.g. 2024-01-01; without it periods are numbered from 1.",
    )
    frequency: Literal["day", "week", "month", "quarter", "year"] = Field(
        default="week", description="What one period is."
    )
    currency: str = Field(default="currency", description="Unit of sales, budgets and M.")
    total_sales: Number = Field(
        gt=0,
        description="Mean total sales of a market, in currency per period; also the reference sales X_ref.",
    )
    variation: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="How total sales vary from period to period: relative standard deviation.",
    )
    invested: Number = Field(
        gt=0, le=1, description="Part of the sales of a market that its firms invest, over all periods."
    )
    efforts: Table[BudgetSection] = Field(min_length=1, description="The types of expense.")
    campaign: Number = Field(
        default=8.0,
        ge=1,
        description="Periods a budget stays as it is, on average, before the firm sets it anew.",
    )
    spread: Number = Field(
        default=0.5,
        ge=0,
        le=3,
        description="How budgets differ between firms and campaigns: sd of their logarithm.",
    )
    noise: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Noise of the observed shares: standard deviation in log-ratio coordinates.",
    )
    truth: TruthSection = Field(description="The true market function and prices of movement.")
