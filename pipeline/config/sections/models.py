"""The sections `models` and `curves` of a study: which models of the market are calibrated."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.sections.types import (
    Flag,
    Gain,
    Integer,
    Label,
    Name,
    Number,
    OneOrMany,
    Section,
    Table,
    optional_table,
    refusal,
)

Form = Literal["investment", "scaled", "proportional"]
Link = Literal["identity", "exp", "ces"]
FirmEffects = Literal["none", "constant", "free", "zero-sum"]
CarryOver = Literal["none", "geometric", "delayed", "weibull"]
Order = Literal["all", "leading"]
Lags = Annotated[Integer, Field(ge=1, le=52)]

# In a response written as {effort: curve} these keys say something about the response itself.
RESPONSE_KEYS = frozenset({"name", "family", "link", "curves", "order", "lag", "own", "cross"})
CARRY_OVER_KEYS = frozenset({"name", "kind", "efforts"})


class CurveParameter(Section):
    """One parameter of a curve of your own."""

    minimum: Number | None = Field(default=None, description="Smallest value allowed.")
    maximum: Number | None = Field(default=None, description="Largest value allowed.")
    start: Number | None = Field(default=None, description="Starting value; by default inside the bounds.")
    low: Number | None = Field(default=None, description="Further starts are drawn from here ...")
    high: Number | None = Field(
        default=None, description="... to here; by default between the bounds, or around the start."
    )
    unit: str = Field(default="1", description="Unit shown in tables.")


class CurveSection(Section):
    """A curve g(u) of your own, used in `models.response` by its name."""

    formula: str = Field(
        min_length=1, description="Formula of the effort `u` and the parameters, e.g. `beta * log1p(u / h)`."
    )
    parameters: Table[CurveParameter] = Field(
        min_length=1,
        description="The parameters in the formula. The first is the main coefficient and carries the "
        "effort's own name in the results (`price`), others follow it (`price.h`).",
    )
    domain: Literal["real", "nonnegative", "positive"] = Field(
        default="real", description="Efforts that the formula is defined for."
    )


class ResponseSection(Section):
    """The market function f: one family for all efforts, or a curve for each."""

    name: Label | None = Field(default=None, description="Name in the model's name; by default the family.")
    family: str | None = Field(
        default=None,
        description="Family for all efforts: a curve (linear, hill, ...), mnl, mci, ces or pareto.",
    )
    curves: Table[str] | None = Field(default=None, description="A curve for each effort.")
    link: Literal["identity", "exp"] | None = Field(
        default=None,
        description="identity: f = b + Σ g(u); exp: f = exp(b + Σ g(u)); only with curves for each effort.",
    )
    order: Order | OneOrMany[Name] | None = Field(
        default=None,
        description="Ranking of the efforts under pareto: their names, the most effective first; `all` "
        "orders, or `leading`: one model for each effort in the lead. By default the order of the data "
        "section.",
    )
    lag: Table[Lags] = optional_table(
        "Further linear terms of past efforts, e.g. `{price: 2}` adds `price.lag1` and `price.lag2`; a "
        "negative coefficient after a promotion is stockpiling."
    )
    own: OneOrMany[str] = Field(
        default=(),
        description="Efforts, or lags of them, whose coefficient may differ by firm: `price` adds "
        "`price.own.<firm>`, the difference of a firm's coefficient from the common one. Needs a prior.",
    )
    cross: OneOrMany[str] = Field(
        default=(),
        description="Efforts, or lags of them, whose effect on rivals differs by pair of firms: `price` adds "
        "`price.cross.<firm>.<rival>`, the effect of the rival's effort on f of the firm. Needs a prior.",
    )

    @model_validator(mode="after")
    def _family_or_curves(self) -> Self:
        if (self.family is None) == (self.curves is None):
            got = "neither family nor curves" if self.family is None else "both family and curves"
            raise refusal(got, "a family for all efforts, or a curve for each of them")
        if self.link is not None and self.curves is None:
            expected = "link only with a curve for each effort: a family has its own"
            raise refusal("a link beside a family", expected)
        if self.order is not None and self.family != "pareto":
            got = f"an order under {self.family or 'curves'}"
            raise refusal(got, "order only under the family pareto")
        if self.family in ("pareto", "ces") and (self.lag or self.own or self.cross):
            got = f"lag, own or cross under {self.family}"
            raise refusal(got, "these only where the terms of the efforts are added")
        return self


class CarryOverSection(Section):
    """How long efforts last: one kind for all of them, or a kind for each."""

    name: Label | None = Field(default=None, description="Name in the model's name; by default the kind.")
    kind: CarryOver = Field(default="none", description="Kind for the efforts that are not listed.")
    efforts: Table[CarryOver] = optional_table("A kind for each effort listed.")


def _spell_out_response(value: Any) -> Any:
    if isinstance(value, str):
        return {"family": value}
    if not isinstance(value, dict) or "curves" in value or "family" in value:
        return value
    keys, curves = _separate(value, RESPONSE_KEYS)
    return keys | ({"curves": curves} if curves else {})


def _spell_out_carry_over(value: Any) -> Any:
    if isinstance(value, str):
        return {"kind": value}
    if not isinstance(value, dict) or "efforts" in value:
        return value
    keys, efforts = _separate(value, CARRY_OVER_KEYS)
    return keys | {"efforts": efforts}


def _separate(value: dict[Any, Any], keys: frozenset[str]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Separate the keys of a section that is written short from the names of efforts beside them."""
    return (
        {key: item for key, item in value.items() if key in keys},
        {key: item for key, item in value.items() if key not in keys},
    )


def _spell_out_effects(value: Any) -> Any:
    if isinstance(value, bool):
        return "free" if value else "constant"
    return value


Response = Annotated[
    ResponseSection,
    BeforeValidator(
        _spell_out_response,
        json_schema_input_type=str | ResponseSection | dict[Name, str | list[str] | dict[Name, Lags]],
    ),
]
CarryOvers = Annotated[
    CarryOverSection,
    BeforeValidator(
        _spell_out_carry_over,
        json_schema_input_type=CarryOver | CarryOverSection | dict[Name, CarryOver | Label],
    ),
]
Effects = Annotated[
    FirmEffects, BeforeValidator(_spell_out_effects, json_schema_input_type=FirmEffects | Flag)
]


class ExcludeSection(Section):
    """Models to leave out: those that agree with every key given here."""

    form: OneOrMany[Form] | None = Field(default=None, description="Form, or several.")
    response: OneOrMany[str] | None = Field(default=None, description="Name of a response, or several.")
    firm_effects: OneOrMany[Effects] | None = Field(default=None, description="Firm effects, or several.")
    carry_over: OneOrMany[str] | None = Field(default=None, description="Name of a carry-over, or several.")
    numeraire: OneOrMany[str | None] | None = Field(default=None, description="Numeraire, or several.")
    gain: OneOrMany[Gain] | None = Field(default=None, description="Gain of `fit.gain`, or several.")


class ModelsSection(Section):
    """The models calibrated on every market: every list is an axis, and all combinations are made."""

    form: OneOrMany[Form] = Field(
        default=("investment",),
        min_length=1,
        description="investment: γ = 0; scaled: γ is estimated; proportional: γ = 1.",
    )
    response: OneOrMany[Response] = Field(
        min_length=1,
        description="The market function f: a family (linear, power, log, exponential, hill, mnl, mci, ...), "
        "or a curve for each effort, e.g. `{price: linear, promotion: hill, link: exp}`.",
    )
    firm_effects: OneOrMany[Effects] = Field(
        default=("free",),
        min_length=1,
        description="true: a constant for each firm (summing to zero where only differences matter); false: "
        "one constant for all firms where it matters; or none, constant, free, zero-sum.",
    )
    carry_over: OneOrMany[CarryOvers] = Field(
        default=(CarryOverSection(),),
        min_length=1,
        description="none, geometric, delayed or weibull for all efforts, or a kind for each: `{feature: "
        "geometric}`.",
    )
    numeraire: OneOrMany[str | None] = Field(
        default=(None,),
        min_length=1,
        description="Effort whose coefficient is 1, so that M is estimated in currency; by default M is "
        "fixed at X_ref and f is a rate per period.",
    )
    auto: Flag = Field(
        default=False,
        description="true: a ladder of models, every response again with coefficients that differ by firm "
        "(`<response>-own`) and with the efforts of the period before (`<response>-lagged`), all again with "
        "gain 1 (`-step`), and pooled where there are three markets or more; forecasts inside the periods "
        "fitted choose among them all. `models: auto` is `{response: mnl, auto: true}`.",
    )
    pooling: Flag = Field(
        default=False,
        description="true: besides every model the same one again, named `<model>-pooled`, with its "
        "parameters shrunk towards their mean over the markets as far as markets resemble each other "
        "(empirical Bayes).",
    )
    exclude: OneOrMany[ExcludeSection] = Field(
        default=(),
        description="Combinations to leave out, e.g. `{form: proportional, response: [hill, tanh]}`.",
    )


def _spell_out_auto(value: Any) -> Any:
    return {"response": "mnl", "auto": True} if value == "auto" else value


Models = Annotated[
    ModelsSection,
    BeforeValidator(_spell_out_auto, json_schema_input_type=ModelsSection | Literal["auto"]),
]
