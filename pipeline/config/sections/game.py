"""Settings of a game: who plays, what is earned, for how long, and with which strategies."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.sections.planning import Bounds, OneMarketSettings
from pipeline.config.sections.types import (
    Count,
    Flag,
    Integer,
    Number,
    OneOrMany,
    Section,
    Table,
    optional_table,
)


class GameDraws(Section):
    """What the bands of outcomes contain."""

    draws: Integer = Field(default=100, ge=0, le=100_000, description="Outcomes drawn; 0: no bands.")
    parameters: Flag = Field(
        default=True, description="Draw parameters: from bootstrap replicates where the store has them."
    )
    efforts: Flag = Field(
        default=True,
        description="Let rivals be off their strategies as far as they were off their mean in a stretch of "
        "the past; the firm itself keeps to its own.",
    )


class GameSettings(OneMarketSettings):
    """Firms that each set steady efforts or budgets for the largest payoff: margin x sales - expenses."""

    players: OneOrMany[str] | None = Field(
        default=None, description="Firms that play; the others stay as they are. By default all."
    )
    margin: Number | Table[Number] = Field(
        default=0.3, description="Fraction of sales earned before expenses: one for all, or by firm."
    )
    strategy: Literal["efforts", "budgets"] = Field(
        default="budgets",
        description="What a firm chooses once: the money (a ratio E/X falls when sales rise), or the efforts "
        "themselves.",
    )
    horizon: Annotated[Integer, Field(le=10_000)] | Literal["steady"] = Field(
        default="steady", description="Periods that count, from now; or steady: the long run, per period."
    )
    bounds: Table[Bounds] = optional_table(
        "Bounds of the strategies, in the unit of the effort, or in currency per period with the strategy "
        "budgets; by default from 0 to the largest observed."
    )
    last: Count = Field(
        default=1, description="The present strategies are means over the last so many periods."
    )
    starts: Integer = Field(
        default=4,
        ge=1,
        le=1000,
        description="Points from which equilibria are searched; the first is the present strategies.",
    )
    uncertainty: GameDraws = Field(
        default=GameDraws(), description="What the bands of shares and payoffs contain."
    )
    rounds: Integer = Field(
        default=60, ge=1, le=10_000, description="Rounds of best responses from each start."
    )
