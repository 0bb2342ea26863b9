"""Settings of a game: who plays, what is earned, for how long, and with which strategies."""

from typing import Literal

from pydantic import Field

from pipeline.config.sections.planning import Bounds, Price
from pipeline.config.sections.scenario import TotalSection
from pipeline.config.sections.types import Integer, Number, OneOrMany, Section, Table


class GameSettings(Section):
    """Firms that each set steady efforts or budgets for the largest payoff: margin x sales - expenses."""

    market: Integer | str | None = Field(
        default=None, description="The market; needed when there are several."
    )
    model: str | None = Field(default=None, description="The model; by default the best by AICc.")
    players: OneOrMany[str] | None = Field(
        default=None, description="Firms that play; the others stay as they are. By default all."
    )
    margin: Number | Table[Number] = Field(
        default=0.3, description="Part of sales that is earned before expenses: one for all, or by firm."
    )
    strategy: Literal["efforts", "budgets"] = Field(
        default="budgets",
        description="What is set once and for all: the money (a ratio E/X falls when sales rise), or the "
        "efforts themselves.",
    )
    horizon: Integer | Literal["steady"] = Field(
        default="steady", description="Periods that count, from now; or steady: the long run, per period."
    )
    discount: Number = Field(default=0.0, ge=0, lt=1, description="Discount rate of payoffs, per period.")
    bounds: Table[Bounds] = Field(
        default_factory=dict,
        validate_default=True,
        description="What firms may do, in the unit of the effort, or in currency per period with the "
        "strategy budgets; by default from 0 to the largest seen.",
    )
    prices: Table[Price] = Field(
        default_factory=dict,
        validate_default=True,
        description="Currency per period for one unit of an effort of kind index; without a price it stays.",
    )
    last: Integer = Field(
        default=1, ge=1, description="What firms do at present is the mean of the last so many periods."
    )
    total_sales: TotalSection = Field(default=TotalSection(), description="Sales of the whole market.")
    start: Literal["observed", "calibrated"] = Field(
        default="observed", description="Shares to start from, at the end of the data."
    )
    starts: Integer = Field(
        default=4,
        ge=1,
        le=1000,
        description="Points from which an equilibrium is searched: present efforts first.",
    )
    rounds: Integer = Field(
        default=60, ge=1, le=10_000, description="Rounds of best responses from each start."
    )
    seed: Integer = Field(default=0, ge=0, description="Root of the random numbers.")
