"""A scenario: what firms will do, how the market develops, and how uncertain all that is."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from pipeline.config.sections.types import (
    Count,
    Flag,
    Integer,
    Label,
    Number,
    OneOrMany,
    Section,
    Seed,
    Table,
    optional_table,
    refusal,
)
from pipeline.config.yaml.document import Document

PerPeriod = Number | tuple[Number, ...]
"""One number for all periods, or one for each."""
RivalKind = Literal["hold", "hold_budget", "match", "rule"]
TotalModel = Literal["constant", "trend", "seasonal", "logistic", "response", "given"]
StartShares = Annotated[
    Literal["observed", "calibrated"],
    Field(
        description="Shares to start from, at the end of the data: calibrated: the modelled ones, corrected "
        "by the gain of the fit; observed: the observed ones."
    ),
]


class EffortChoice(Section):
    """What one firm does with one effort: exactly one of the keys."""

    value: PerPeriod | None = Field(default=None, description="The effort itself, in its own unit.")
    add: PerPeriod | None = Field(
        default=None, description="A change in the effort's unit, added to its last value."
    )
    factor: PerPeriod | None = Field(default=None, description="A factor on its last value.")
    budget: PerPeriod | None = Field(
        default=None,
        description="Money, currency per period; for efforts of kind ratio or amount. A ratio σ = E/X then "
        "follows from the sales that result.",
    )
    last: Count | None = Field(
        default=None, description="As in the last so many periods, repeated again and again."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        keys = sorted(self.model_fields_set)
        if len(keys) != 1 or getattr(self, keys[0]) is None:
            got = ", ".join(keys) or "none of the keys"
            raise refusal(got, "exactly one of value, add, factor, budget, last")
        return self


def _spell_out_choice(value: Any) -> Any:
    return {"value": value} if isinstance(value, int | float | list | tuple) else value


Choice = Annotated[
    EffortChoice,
    BeforeValidator(_spell_out_choice, json_schema_input_type=EffortChoice | float | list[float]),
]


class RivalsSection(Section):
    """What the firms do that the scenario does not mention."""

    kind: RivalKind = Field(
        default="hold",
        description="hold: their efforts stay; hold_budget: their money stays, where efforts are ratios; "
        "match: they change each effort as the named firms do on average; rule: they follow a regression of "
        "their past efforts on their own and the others' efforts one period before.",
    )
    last: Count = Field(
        default=1, description="What stays is what they did in the last so many periods, repeated."
    )


class EntrantEffort(Section):
    """What a firm that enters does with one effort: exactly one of the keys."""

    value: PerPeriod | None = Field(default=None, description="The effort itself, in its own unit.")
    budget: PerPeriod | None = Field(
        default=None, description="Money, currency per period; for efforts of kind ratio or amount."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.value is None) == (self.budget is None):
            got = "neither value nor budget" if self.value is None else "both value and budget"
            raise refusal(got, "one of value and budget")
        return self


class EntrantSection(Section):
    """A firm that is not in the data, and enters a market."""

    enters: str = Field(
        default="+1",
        description="Period at the end of which it has its first share: a date, week, month, quarter, year, "
        "or +N for the Nth period after the data.",
    )
    like: str | None = Field(
        default=None,
        description="A firm of the data with the same constant and coefficients; efforts that are not stated "
        "are the last ones of this firm.",
    )
    efforts: Table[
        Annotated[
            EntrantEffort,
            BeforeValidator(_spell_out_choice, json_schema_input_type=EntrantEffort | float | list[float]),
        ]
    ] = optional_table("What it does, by effort: all of them, unless it is like another firm.")
    effect: Number | Literal["drawn"] = Field(
        default="drawn",
        description="Its constant in f, counted from the mean firm of the market; drawn: from the population "
        "of the firms of the market, in the middle the mean firm.",
    )
    share: Annotated[Number, Field(gt=0, lt=1)] | Literal["drawn"] = Field(
        default="drawn",
        description="Its share at the end of the period in which it enters; drawn: from the shares that "
        "firms entered with in the data, in the middle their geometric mean.",
    )

    @model_validator(mode="after")
    def _one_constant(self) -> Self:
        if self.like is not None and self.effect != "drawn":
            raise refusal(f"like {self.like} and the effect {self.effect:g}", "one of like and effect")
        return self


class TotalSection(Section):
    """How the sales of the whole market develop."""

    model: TotalModel = Field(
        default="constant",
        description="constant: the level of recent periods, how recent is estimated; trend: growth at a "
        "constant rate; seasonal: growth and a yearly wave; logistic: growth towards a ceiling; response: "
        "trend, wave and what the firms' marketing does to the demand for all of them; given.",
    )
    efforts: OneOrMany[str] | None = Field(
        default=None,
        min_length=1,
        description="With model response: efforts that move total sales, each weighted by the shares of the "
        "firms; by default the share-weighted market function f.",
    )
    last: Count | None = Field(
        default=None,
        description="Fit it to the last so many periods; by default to all. With model constant: their mean.",
    )
    season: Integer | None = Field(
        default=None, ge=2, le=10_000, description="Periods of a season; by default those of a year."
    )
    harmonics: Integer = Field(default=2, ge=1, le=26, description="Waves of the season.")
    values: PerPeriod | None = Field(
        default=None, description="With model given: sales of the market, currency per period."
    )

    @model_validator(mode="after")
    def _values_when_given(self) -> Self:
        if (self.model == "given") != (self.values is not None):
            raise refusal(f"the model {self.model!r}", "values with the model given, and only with it")
        if self.efforts is not None and self.model != "response":
            raise refusal(f"efforts with the model {self.model!r}", "efforts with the model response alone")
        values = self.values if isinstance(self.values, tuple) else (self.values,)
        for value in values:
            if value is not None and value <= 0:
                raise refusal(f"total sales of {value:g}", "values > 0")
        return self


TotalSales = Annotated[TotalSection, Field(description="Sales of the whole market.")]


class DrawsSection(Section):
    """What the bands of a forecast contain."""

    draws: Integer = Field(default=200, ge=0, le=100_000, description="Futures drawn; 0: no bands.")
    parameters: Flag = Field(
        default=True,
        description="Draw parameters: from bootstrap replicates where the store has them; and of firms that "
        "enter what is `drawn`.",
    )
    models: Literal["verdict", "aicc", "aic", "bic", "equal", "best"] = Field(
        default="verdict",
        description="verdict: only the model of the verdict, the one that forecast best where forecasts were "
        "held out; best: only the best by AICc; or all, with weights by an information criterion or equal.",
    )
    efforts: Flag = Field(
        default=True,
        description="Draw the efforts that no plan fixes around what they are held at, as they varied in the "
        "past; with rivals that follow a rule, what the rule leaves unexplained, and its coefficients.",
    )
    total_sales: Flag = Field(default=True, description="Draw the coefficients of total sales.")
    noise: Flag = Field(
        default=True, description="Add what the models did not explain, to shares and total sales."
    )


class Scenario(Section):
    """What is forecast, under which plans and assumptions."""

    scenario: Label = Field(description="Name of the scenario; names the forecast in the store.")
    description: str = Field(default="", description="A sentence on what the scenario is for.")
    markets: OneOrMany[Integer | str] | None = Field(
        default=None, description="These markets only; by default all."
    )
    models: OneOrMany[str] = Field(
        default=("*",), min_length=1, description="Models to use; * stands for anything."
    )
    horizon: Integer = Field(default=12, ge=1, le=10_000, description="Periods to forecast.")
    start: StartShares = "calibrated"
    firms: Table[Table[Choice]] = optional_table("Plans: firm, effort, what it does.")
    rivals: RivalsSection = Field(default=RivalsSection(), description="What the other firms do.")
    entrants: Table[EntrantSection] = optional_table("Firms that are not in the data, and enter, by name.")
    total_sales: TotalSales = TotalSection()
    uncertainty: DrawsSection = Field(default=DrawsSection(), description="What the bands contain.")
    quantiles: tuple[Annotated[Number, Field(gt=0, lt=1)], ...] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95), min_length=1, description="Quantiles of the bands."
    )
    seed: Seed = 0

    _document: Document | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the text, to find the lines of what turns out wrong later."""
        self._document = (context or {}).get("document")

    @property
    def document(self) -> Document:
        """Where the scenario was read from; its own content when it was made in Python."""
        if self._document is not None:
            return self._document
        return Document("", self.model_dump(mode="json", exclude_unset=True))

    def plans(self, firm: Any) -> Mapping[str, EffortChoice]:
        """Give the choices of a firm by effort; empty for a rival."""
        return self.firms.get(str(firm), {})
