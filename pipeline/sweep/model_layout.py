"""What is known of a model before it is fitted: its parameters, and how many of them are free."""

from typing import Any

from numpy.typing import NDArray

from kernels.response.catalogue import CURVES
from pipeline.config.parameters import (
    AUTOCORRELATION,
    GAIN,
    INITIAL,
    JUMP_PRICE,
    entry_parameter,
    variant_parameters,
)
from pipeline.config.study import Study
from pipeline.config.truth import true_model
from pipeline.config.variants import Variant
from pipeline.store.format.layout import ModelLayout, ParameterLabel


def describe_model(
    variant: Variant, study: Study, firms: NDArray[Any], entries: NDArray[Any] | None = None
) -> ModelLayout:
    """Name all parameters that a model may have in any market, with their units.

    Parameters
    ----------
    variant : Variant
    study : Study
        Own curves, and whether initial shares are estimated.
    firms : (N,) array
        All firms of the panel.
    entries : (N,) array, optional
        How often each of them enters a market, at the most; by default never.
    """
    labels = [str(firm) for firm in firms.tolist()]
    names = [*variant_parameters(variant, study.curves, labels), GAIN]
    if study.fit.initial == "estimated":
        names += [f"{INITIAL}.{firm}" for firm in labels]
        times = [] if entries is None else entries.tolist()
        names += [
            entry_parameter(firm, k + 1)
            for firm, most in zip(labels, times, strict=False)
            for k in range(most)
        ]
    if variant.autocorrelation_under(study.fit) != 0.0:
        names.append(AUTOCORRELATION)
    formulas = {
        effort: study.curves[curve].formula if curve in study.curves else CURVES[curve].formula
        for effort, curve in variant.response.curves.items()
    }
    return ModelLayout(
        variant.name,
        tuple(ParameterLabel(name, _unit(name)) for name in names),
        {
            "form": variant.form,
            "response": variant.response.name,
            "link": variant.response.link,
            "curves": dict(variant.response.curves),
            "formulas": formulas,
            "order": list(variant.response.order),
            "carry_over": dict(variant.carry_over),
            "firm_effects": variant.firm_effects,
            "numeraire": variant.numeraire,
            "gain": variant.gain_under(study.fit),
            "lag": dict(variant.response.lag),
            "own": list(variant.response.own),
            "cross": list(variant.response.cross),
            "pooled_from": variant.pooled_from,
            "noise": variant.noise_under(study.fit),
            "endogenous": {
                name: list(study.fit.instrumented[name].instruments) for name in variant.endogenous
            },
            "pooled_stages": list(variant.pooled_stages_under(study.fit)),
            "is_truth": variant.name == true_model(study),
        },
    )


def _unit(name: str) -> str:
    # The units of coefficients follow from those of their effort; only M is in currency.
    return "currency" if name == JUMP_PRICE else "1"


def count_columns(variant: Variant, study: Study, n_firms: int) -> int:
    """Count the free parameters of a model in a market of ``n_firms`` firms."""
    names = set(variant_parameters(variant, study.curves, None))
    fixed = {name for name in names if name in study.fit.fixed or name in study.fit.expr}
    fixed |= set() if variant.form == "scaled" else {"returns_to_scale"}
    fixed |= {JUMP_PRICE} if variant.numeraire is None else {variant.numeraire}
    constants = {"none": 0, "constant": 0, "free": n_firms, "zero-sum": n_firms - 1}[variant.firm_effects]
    noise = n_firms - 1 if study.fit.initial == "estimated" else 0
    asked = variant.autocorrelation_under(study.fit)
    noise += asked == "estimated" and AUTOCORRELATION not in study.fit.fixed
    noise += variant.gain_under(study.fit) == "estimated" and GAIN not in study.fit.fixed
    own, cross = len(variant.response.own), len(variant.response.cross)
    return len(names - fixed) + constants + noise + n_firms * (own + (n_firms - 1) * cross)
