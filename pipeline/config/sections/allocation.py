"""Settings of an allocation: one firm's money over the markets that it is in, and the efforts in each."""

from typing import Self

from pydantic import Field, model_validator

from pipeline.config.sections.planning import OneMarketSettings
from pipeline.config.sections.types import Fraction, Integer, Number, OneOrMany, Positive, refusal


class AllocationSettings(OneMarketSettings):
    """A firm, its money per period for all markets together, or the share that it wants in each."""

    firm: str = Field(description="The firm.")
    markets: OneOrMany[Integer | str] | None = Field(
        default=None, description="These markets only; by default all that the firm is in."
    )
    budget: Positive | None = Field(
        default=None,
        description="Money for all markets together, currency per period; by default what is spent now.",
    )
    margin: Fraction | None = Field(
        default=None,
        description="Fraction of sales that is earned: the largest profit is looked for, and not all money "
        "has to be spent. Without it the largest sales are.",
    )
    target: Number | None = Field(
        default=None, gt=0, lt=1, description="What does this share cost, held in every market?"
    )
    widen: Number = Field(
        default=1.5,
        ge=1,
        le=1000,
        description="In each market an effort may cost up to so many times the most that this firm was seen "
        "to spend of it, in parts of its sales, at its present sales.",
    )
    frontier: Integer = Field(
        default=5, ge=0, le=100, description="Budgets, from a quarter to twice the budget, of the frontier."
    )

    @model_validator(mode="after")
    def _all_markets(self) -> Self:
        if self.market is not None:
            raise refusal("the key market", "markets: an allocation is about several")
        return self
