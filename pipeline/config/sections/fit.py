"""The sections `fit` and `validation` of a study: how models are calibrated and tested."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
    model_validator,
)

from pipeline.config.sections.types import (
    Autocorrelation,
    Count,
    Fraction,
    Gain,
    Integer,
    Number,
    OneOrMany,
    Positive,
    Section,
    Table,
    optional_table,
    refusal,
)

# The kernels' own, and the minimizers of lmfit that work from a residual, bounds and (some) a Jacobian, and
# need nothing else.
Method = Literal[
    "compiled",
    "leastsq", "least_squares", "nelder", "powell", "cobyla", "lbfgsb", "bfgs", "cg", "tnc", "slsqp",
    "trust-constr", "differential_evolution", "dual_annealing", "basinhopping", "ampgo", "shgo",
]  # fmt: skip
Loss = Literal["linear", "soft_l1", "huber", "cauchy", "arctan"]
Baseline = Literal[
    "last", "mean", "smoothing", "attraction", "mci", "wiener", "attraction_lagged", "boosting", "nash"
]
NASH = "nash"
"""The baseline that plays a game; the others learn from shares and efforts alone."""
NoiseKind = Literal["homogeneous", "by_firm", "full"]
"""What the errors of the firms have of their own: see `pipeline.models.noise`."""
State = Literal["fitted", "observed"]
"""Whether shares are the modelled or the observed ones."""
Bounds = Annotated[
    tuple[Number | None, Number | None], Field(description="[smallest, largest]; null: no bound.")
]
PriorBelief = Annotated[tuple[Number, Positive], Field(description="[mean, standard deviation].")]


class ShrinkageSection(Section):
    """How strongly parameters are shrunk to their priors, chosen by forecasts inside the periods fitted."""

    factors: OneOrMany[Positive] = Field(
        min_length=1,
        description="Factors on the standard deviations of all priors; the best at forecasting is chosen.",
    )
    origins: Count = Field(
        default=4, description="Forecasts made, from origins in the second half of the periods."
    )
    horizon: Count | None = Field(
        default=None, description="Periods ahead that are compared; by default all that follow."
    )
    state: State = Field(
        default="fitted",
        description="Shares at which the forecasts start: the modelled ones of the last period before, or "
        "the observed ones.",
    )


def _spell_out_factors(value: Any) -> Any:
    return value if isinstance(value, dict) or value is None else {"factors": value}


Shrinkage = Annotated[
    ShrinkageSection,
    BeforeValidator(_spell_out_factors, json_schema_input_type=ShrinkageSection | Positive | list[Positive]),
]


class EndogenousEffort(Section):
    """An effort that answers to the market, and what moves it from outside."""

    instruments: OneOrMany[str] = Field(
        min_length=1,
        description="Columns of the data, or formulas over columns, that move the effort and act on shares "
        "through it alone: costs, `lag(price)`, prices elsewhere.",
    )
    first_stage: Literal["market", "pooled"] = Field(
        default="market",
        description="What instruments explain of the effort. market: estimated in every market alone; "
        "pooled: with slopes that all markets have in common, for many short markets with instruments that "
        "are weak in each.",
    )

    @model_serializer(mode="wrap")
    def _write_what_is_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write nothing of first stages by market: sweeps of versions that knew no other keep their hash."""
        written: dict[str, Any] = write(self)
        return {key: value for key, value in written.items() if (key, value) != ("first_stage", "market")}


def _spell_out_instruments(value: Any) -> Any:
    return value if isinstance(value, dict) else {"instruments": value}


Endogenous = Table[
    Annotated[
        EndogenousEffort,
        BeforeValidator(_spell_out_instruments, json_schema_input_type=EndogenousEffort | str | list[str]),
    ]
]
"""Efforts that answer to the market, by name."""

FORMER_STATES: Mapping[str, float] = {"fitted": 0.0, "observed": 1.0}
"""The gain that each value of the former key ``fit.state`` stands for."""


class FitSection(Section):
    """How a model is calibrated on a market."""

    method: Method = Field(
        default="leastsq",
        description="What makes the reported fit: compiled, the Levenberg-Marquardt method that also "
        "searches from all starts; or a method of lmfit. They come to the same optimum; compiled takes up to "
        "a tenth less time, and knows no `loss` and no `expr`.",
    )
    starts: Integer = Field(
        default=16,
        ge=1,
        le=100_000,
        description="Starting points per fit, spread over the bounds and screened.",
    )
    polish: Count = Field(
        default=1, description="How many of the best distinct screened starts lmfit polishes."
    )
    residual: Literal["ilr", "share"] = Field(
        default="ilr",
        description="ilr: isometric log-ratios of shares; share: plain differences (shares may be 0).",
    )
    initial: Literal["observed", "estimated"] = Field(
        default="estimated",
        description="estimated: the shares before the first period are parameters, and so are the errors of "
        "the first shares of firms that enter later; observed: the state after the first period, of a market "
        "or of a firm in it, is the observed one.",
    )
    gain: OneOrMany[Gain] = Field(
        default=("estimated",),
        min_length=1,
        description="Which part of an error lasts: every period begins at the modelled shares of the period "
        "before plus gain times their error (after a period as long as most of the market; what a longer one "
        "adds up to follows). estimated: a parameter; 0: errors are of measurement, whole trajectories are "
        "fitted; 1: errors last, predictions one step ahead of the observed shares are fitted. A list is an "
        "axis of the sweep: `[0, 0.5, estimated]`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_state(cls, given: Any) -> Any:
        """Read what studies said before the gain: ``state: fitted`` is gain 0, ``observed`` is gain 1."""
        if not isinstance(given, dict) or "state" not in given:
            return given
        state = given["state"]
        if "gain" in given:
            raise refusal(f"`state: {state}` beside a gain", "the gain alone: it stands for what state was")
        if not isinstance(state, str) or state not in FORMER_STATES:
            expected = "`gain: 0` for what `fitted` was, `gain: 1` for `observed`, or `gain: estimated`"
            raise refusal(f"`state: {state}`", expected)
        kept = {key: value for key, value in given.items() if key != "state"}
        return kept | {"gain": FORMER_STATES[state]}

    noise: OneOrMany[NoiseKind] = Field(
        default=("homogeneous",),
        min_length=1,
        description="Errors of a period. homogeneous: of all log-ratios alike and independent; by_firm: each "
        "firm's log share has an error with a variance of its own; full: they are correlated, too. Fits are "
        "weighted by it, forecasts drawn with it; short series draw it to homogeneous. A list is an axis of "
        "the sweep.",
    )

    autocorrelation: Autocorrelation | None = Field(
        default=None,
        description="What of an error of measurement is left in the next period: a number, or estimated with "
        "the other parameters. By default estimated where the gain is, and 0 where the gain is a number.",
    )

    endogenous: OneOrMany[Endogenous | None] = Field(
        default=(None,),
        min_length=1,
        max_length=2,
        description="Efforts that answer to what moves shares, with instruments: `{price: {instruments: "
        "[cost, 'lag(price)']}}`. What instruments do not explain of the effort goes with the errors by a "
        "coefficient `price.control`. `[null, {price: ...}]` fits every model without and with it.",
    )

    @property
    def instrumented(self) -> Mapping[str, EndogenousEffort]:
        """Efforts with instruments; empty when none is said to be endogenous."""
        return next((entry for entry in self.endogenous if entry), {})

    @property
    def instruments(self) -> tuple[str, ...]:
        """All instruments, as written, each once."""
        efforts = self.instrumented.values()
        return tuple(dict.fromkeys(text for effort in efforts for text in effort.instruments))

    @property
    def pooled_stages(self) -> tuple[str, ...]:
        """Endogenous efforts whose first stage all markets have in common."""
        return tuple(name for name, effort in self.instrumented.items() if effort.first_stage == "pooled")

    @field_serializer("gain", "noise")
    def _write_one(self, given: tuple[Any, ...]) -> Any:
        """Write a single one as studies and earlier versions do: their sweeps keep their hash."""
        return given[0] if len(given) == 1 else list(given)

    @field_serializer("endogenous", mode="wrap")
    def _write_one_table(self, given: tuple[Any, ...], write: SerializerFunctionWrapHandler) -> Any:
        written = write(given)
        return written[0] if len(given) == 1 else written

    loss: Loss = Field(default="linear", description="Robust loss, for the method least_squares.")
    max_evaluations: Count = Field(
        default=1000, description="Evaluations of the model allowed to lmfit per polished start."
    )
    fixed: Table[Number] = optional_table("Parameters held at a value: `{price.n: 2}`.")
    bounds: Table[Bounds] = optional_table("Bounds of parameters: `{price: [null, 0]}`.")
    expr: Table[str] = optional_table("Parameters that follow from others: `{deal: 2 * feature}`.")
    priors: Table[PriorBelief] = optional_table(
        "[mean, standard deviation] of parameters, normal, before the data are seen: `{price: [-3, 1]}`; "
        "`price.own` stands for all names that begin with it."
    )
    shrinkage: Shrinkage | None = Field(
        default=None,
        description="Factors on the standard deviations of the priors to choose from, by rolling forecasts "
        "inside the periods fitted.",
    )


class NashSection(Section):
    """The contender `nash`: firms that play best responses on the market calibrated before the origin."""

    model: str | None = Field(
        default=None, description="The model of the study that they play by; by default the first one."
    )
    margin: Number | Table[Number] = Field(
        default=0.3, description="Fraction of sales earned before expenses: one for all, or by firm."
    )
    strategy: Literal["efforts", "budgets"] = Field(
        default="budgets", description="What a firm chooses once: the money, or the efforts themselves."
    )


class ValidationSection(Section):
    """What the models are tested against."""

    holdout: Fraction = Field(
        default=0.0,
        description="Fraction of the periods, the last ones, that a second fit does not see and forecasts; "
        "0: none.",
    )
    origins: Integer = Field(
        default=0,
        ge=0,
        le=1000,
        description="Rolling origins: fits that end at so many points in time, each followed by forecasts; "
        "with a holdout they lie before it.",
    )
    horizon: Count = Field(
        default=1, description="Periods that are forecast from every rolling origin, at most."
    )
    inner: Integer = Field(
        default=0,
        ge=0,
        le=100,
        description="Further origins before all these, spread over the second half of the periods there: the "
        "contender `auto` is at every origin the model with the best forecasts up to it. 4 with `models: "
        "auto`.",
    )
    step: Count = Field(
        default=1, description="Periods from one origin to the next, and from the last one to the end."
    )
    state: State = Field(
        default="fitted",
        description="Shares at which a model's forecasts start: fitted: the modelled ones at the end of the "
        "last fitted period, corrected by the gain; observed: the observed ones.",
    )
    baselines: OneOrMany[Baseline] = Field(
        default=(),
        description="Baselines fitted on the same periods: last, mean, smoothing, attraction, mci, wiener, "
        "attraction_lagged, boosting; nash: the model of the study calibrated there, under efforts that are "
        "best responses to one another instead of known ones; it costs a fit and a game for each market "
        "and origin.",
    )
    nash: NashSection = Field(default=NashSection(), description="How the baseline nash plays.")
