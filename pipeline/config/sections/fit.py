"""The sections `fit` and `validation` of a study: how models are calibrated and tested."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.config.sections.types import Integer, Number, OneOrMany, Section, Table

# The minimizers of lmfit that work from a residual, bounds and (some) a Jacobian, and need nothing else.
Method = Literal[
    "leastsq",
    "least_squares",
    "nelder",
    "powell",
    "cobyla",
    "lbfgsb",
    "bfgs",
    "cg",
    "tnc",
    "slsqp",
    "trust-constr",
    "differential_evolution",
    "dual_annealing",
    "basinhopping",
    "ampgo",
    "shgo",
]
Loss = Literal["linear", "soft_l1", "huber", "cauchy", "arctan"]
Baseline = Literal["last", "mean", "smoothing", "attraction", "mci", "wiener"]
Bounds = Annotated[
    tuple[Number | None, Number | None], Field(description="[smallest, largest]; null: no bound.")
]

PriorBelief = Annotated[
    tuple[Number, Annotated[Number, Field(gt=0)]], Field(description="[mean, standard deviation].")
]


class ShrinkageSection(Section):
    """How far parameters are drawn to their priors, chosen by forecasts inside the periods fitted."""

    factors: OneOrMany[Annotated[Number, Field(gt=0)]] = Field(
        min_length=1,
        description="Factors on the standard deviations of all priors; the one that forecasts best is taken.",
    )
    origins: Integer = Field(
        default=4,
        ge=1,
        description="Forecasts made, from origins in the second half of the periods.",
    )
    horizon: Integer | None = Field(
        default=None, ge=1, description="Periods ahead that are judged; by default all that follow."
    )
    state: Literal["fitted", "observed"] = Field(
        default="fitted",
        description="Shares at which the forecasts start: the modelled ones of the last period before, "
        "or the observed ones.",
    )


def _spell_out_factors(value: Any) -> Any:
    return value if isinstance(value, dict) or value is None else {"factors": value}


Shrinkage = Annotated[
    ShrinkageSection,
    BeforeValidator(_spell_out_factors, json_schema_input_type=ShrinkageSection | list[float]),
]


class FitSection(Section):
    """How a model is calibrated on a market."""

    method: Method = Field(default="leastsq", description="Method of lmfit for the reported fit.")
    starts: Integer = Field(
        default=16,
        ge=1,
        le=100_000,
        description="Starting points per fit, spread over the bounds and screened.",
    )
    polish: Integer = Field(
        default=1, ge=1, description="How many of the best distinct screened starts lmfit refines."
    )
    residual: Literal["ilr", "share"] = Field(
        default="ilr",
        description="ilr: isometric log-ratios of shares; share: plain differences (shares may be 0).",
    )
    initial: Literal["observed", "estimated"] = Field(
        default="observed",
        description="observed: the state after the first period is the observed one; estimated: the "
        "shares before "
        "the first period are parameters.",
    )
    state: Literal["fitted", "observed"] = Field(
        default="fitted",
        description="Where every period begins: fitted: at the modelled shares of the period before, so that "
        "whole trajectories are fitted; observed: at the observed ones, so that one-step-ahead prediction "
        "errors are.",
    )
    loss: Loss = Field(default="linear", description="Robust loss, for the method least_squares.")
    max_evaluations: Integer = Field(
        default=1000, ge=1, description="Evaluations of the model allowed to lmfit per refined start."
    )
    fixed: Table[Number] = Field(
        default_factory=dict, validate_default=True, description="Parameters held at a value: `{price.n: 2}`."
    )
    bounds: Table[Bounds] = Field(
        default_factory=dict, validate_default=True, description="Bounds of parameters: `{price: [null, 0]}`."
    )
    expr: Table[str] = Field(
        default_factory=dict,
        validate_default=True,
        description="Parameters that follow from others: `{deal: 2 * feature}`.",
    )
    priors: Table[PriorBelief] = Field(
        default_factory=dict,
        validate_default=True,
        description="[mean, standard deviation] of parameters, normal, before the data are seen: "
        "`{price: [-3, 1]}`; `price.own` stands for all names that begin with it.",
    )
    shrinkage: Shrinkage | None = Field(
        default=None,
        description="Factors on the standard deviations of the priors to choose from, by rolling "
        "forecasts inside the periods fitted.",
    )


class ValidationSection(Section):
    """What the models are tested against."""

    holdout: Number = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="Fraction of the periods, the last ones, kept from a second fit and forecast by it; "
        "0: none.",
    )
    origins: Integer = Field(
        default=0,
        ge=0,
        le=1000,
        description="Rolling origins: fits that end at so many points in time, each followed by forecasts; "
        "beside a holdout they lie before it.",
    )
    horizon: Integer = Field(
        default=1, ge=1, description="Periods that are forecast from every rolling origin, at most."
    )
    step: Integer = Field(
        default=1, ge=1, description="Periods from one origin to the next, and from the last one to the end."
    )
    state: Literal["fitted", "observed"] = Field(
        default="fitted",
        description="Shares at which a model's forecasts start: the modelled ones of the last fitted period, "
        "or the observed ones.",
    )
    baselines: OneOrMany[Baseline] = Field(
        default=(),
        description="Yardsticks fitted on the same periods: last, mean, smoothing, attraction, mci, wiener.",
    )
