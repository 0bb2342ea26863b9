"""The models of a sweep: every combination of the axes under `models`, less the excluded ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any

from pipeline.config.catalogue import family_parts
from pipeline.config.sections.fit import FitSection, NoiseKind
from pipeline.config.sections.models import (
    CarryOver,
    CarryOverSection,
    ExcludeSection,
    FirmEffects,
    Form,
    Link,
    ModelsSection,
    ResponseSection,
)
from pipeline.config.sections.simulate import SimulateSection
from pipeline.config.sections.types import Autocorrelation, FrozenMapping, Gain


@dataclass(frozen=True, slots=True)
class ResponseChoice:
    """The market function f of one model.

    Attributes
    ----------
    name
        As it appears in the model's name.
    family
        The family it was written as; "mixed" when it was written with a curve for each effort.
    link
        identity: f = b + Σ g(u); exp: f = exp(b + Σ g(u)); ces: f = exp(b) (Σ w u^ρ)^(1/ρ).
    curves
        Name of the curve of each effort, all efforts in the order of the study.
    order
        Under pareto the efforts by rank, the most effective first; otherwise empty.
    lag
        Number of lags of the efforts that have linear terms of the past.
    own, cross
        Efforts, or lags of them, with terms for each firm, and for each pair of firm and rival.
    """

    name: str
    family: str
    link: Link
    curves: FrozenMapping[str]
    order: tuple[str, ...] = ()
    lag: FrozenMapping[int] = field(default_factory=lambda: FrozenMapping({}))
    own: tuple[str, ...] = ()
    cross: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """One model of a sweep with every choice made; hashable and picklable.

    Attributes
    ----------
    name
        Unique in the study, e.g. ``investment-mnl``; the model's group in the store.
    form
        investment (γ = 0), scaled (γ estimated) or proportional (γ = 1).
    response
        The market function f.
    firm_effects
        none, constant, free or zero-sum: resolved for the form, e.g. zero-sum where only differences matter.
    carry_over
        Kind for each effort, all efforts in the order of the study.
    numeraire
        Effort whose coefficient is 1 while M is estimated; None: M is fixed at X_ref x 1 period.
    pooled_from
        Name of the model whose fits in all markets give the priors of this one; None: not pooled.
    gain
        Part of an error that lasts, a number or estimated; None: as the section `fit` says.
    noise
        What the errors of the firms have of their own; None: as the section `fit` says.
    endogenous
        Efforts that answer to the market and have instruments, in the order of the study.
    """

    name: str
    form: Form
    response: ResponseChoice
    firm_effects: FirmEffects
    carry_over: FrozenMapping[CarryOver]
    numeraire: str | None = None
    pooled_from: str | None = None
    gain: Gain | None = None
    noise: NoiseKind | None = None
    endogenous: tuple[str, ...] = ()

    def gain_under(self, fit: FitSection) -> Gain:
        """Give the gain of the model: its own, or else the (first) one of the section `fit`."""
        return fit.gain[0] if self.gain is None else self.gain

    def autocorrelation_under(self, fit: FitSection) -> Autocorrelation:
        """Give the autocorrelation of the errors: as `fit` says, or else one that goes with the gain."""
        if fit.autocorrelation is not None:
            return fit.autocorrelation
        return "estimated" if self.gain_under(fit) == "estimated" and "gain" not in fit.fixed else 0.0

    def pooled_stages_under(self, fit: FitSection) -> tuple[str, ...]:
        """Give the endogenous efforts of this model whose first stage all markets have in common."""
        return tuple(name for name in self.endogenous if name in fit.pooled_stages)

    def noise_under(self, fit: FitSection) -> NoiseKind:
        """Give the noise of the model: its own, or else the (first) one of the section `fit`."""
        return fit.noise[0] if self.noise is None else self.noise


def expand_variants(
    models: ModelsSection, efforts: tuple[str, ...], gains: tuple[Gain, ...] = ()
) -> tuple[Variant, ...]:
    """Make every combination of the axes that no `exclude` entry matches.

    Parameters
    ----------
    models
        The section `models` of a study.
    efforts
        Names of the efforts, in the order of the study.
    gains
        `fit.gain`, an axis as well; empty: models take what `fit` says.

    Returns
    -------
    tuple of Variant
        In the order of the axes: the form changes slowest. The name is form-response, followed by firm
        effects, carry-over, numeraire and gain where that axis has more than one value. Pooled models come
        after all others.
    """
    variants = []
    for labels, response, carry_over in _combinations(models, efforts, gains):
        if any(_matches(entry, labels) for entry in models.exclude):
            continue
        variants.append(
            Variant(
                name=labels.join(models, gains),
                form=labels.form,
                response=response,
                firm_effects=resolve_effects(labels.firm_effects, labels.form, response.link),
                carry_over=carry_over_kinds(carry_over, efforts),
                numeraire=labels.numeraire,
                gain=labels.gain,
            )
        )
    if models.auto:
        # Errors that last are forecast from the last shares: in short series the best that can be done.
        variants += [replace(variant, name=f"{variant.name}-step", gain=1.0) for variant in variants]
    if models.pooling:
        variants += [
            replace(variant, name=f"{variant.name}-pooled", pooled_from=variant.name) for variant in variants
        ]
    return tuple(variants)


def under_noise(variants: tuple[Variant, ...], kinds: tuple[NoiseKind, ...]) -> tuple[Variant, ...]:
    """Give every model each kind of noise; where there are several, its name ends with it."""
    if len(kinds) == 1:
        return tuple(replace(variant, noise=kinds[0]) for variant in variants)
    return tuple(
        replace(
            variant,
            name=f"{variant.name}-{kind}",
            pooled_from=None if variant.pooled_from is None else f"{variant.pooled_from}-{kind}",
            noise=kind,
        )
        for variant in variants
        for kind in dict.fromkeys(kinds)
    )


def under_endogeneity(variants: tuple[Variant, ...], fit: FitSection) -> tuple[Variant, ...]:
    """Give every model the instruments of `fit.endogenous`, or none and these; then its name says which."""
    if not fit.instrumented:
        return variants
    endogenous = tuple(fit.instrumented)
    if len(fit.endogenous) == 1:
        return tuple(replace(variant, endogenous=endogenous) for variant in variants)
    return tuple(
        replace(
            variant,
            name=f"{variant.name}-{suffix}",
            pooled_from=None if variant.pooled_from is None else f"{variant.pooled_from}-{suffix}",
            endogenous=endogenous if entry else (),
        )
        for variant in variants
        for entry, suffix in ((None, "exogenous"), (fit.instrumented, "instrumented"))
    )


def matches_anything(
    entry: ExcludeSection, models: ModelsSection, efforts: tuple[str, ...], gains: tuple[Gain, ...] = ()
) -> bool:
    """Tell whether an `exclude` entry agrees with any combination of the axes."""
    return any(_matches(entry, labels) for labels, _, _ in _combinations(models, efforts, gains))


def _combinations(
    models: ModelsSection, efforts: tuple[str, ...], gains: tuple[Gain, ...]
) -> Iterator[tuple["_Labels", ResponseChoice, CarryOverSection]]:
    responses = model_responses(models, efforts)
    for form, response, effects, carry_over, numeraire, gain in product(
        models.form, responses, models.firm_effects, models.carry_over, models.numeraire, gains or (None,)
    ):
        labels = _Labels(form, response.name, effects, carry_over_name(carry_over), numeraire, gain)
        yield labels, response, carry_over


def model_responses(models: ModelsSection, efforts: tuple[str, ...]) -> list[ResponseChoice]:
    """Make the market functions of all entries of `models.response`, with the rungs of their ladders."""
    choices = [choice for entry in models.response for choice in response_choices(entry, efforts)]
    if not models.auto:
        return choices
    return [rung for choice in choices for rung in _rungs(choice, efforts)]


def _rungs(choice: ResponseChoice, efforts: tuple[str, ...]) -> tuple[ResponseChoice, ...]:
    """Give a response, the same with slopes by firm, and that with efforts of the period before."""
    if choice.link == "ces" or choice.order or choice.lag or choice.own or choice.cross:
        return (choice,)
    own = replace(choice, name=f"{choice.name}-own", own=efforts)
    lagged = replace(own, name=f"{choice.name}-lagged", lag=FrozenMapping(dict.fromkeys(efforts, 1)))
    return (choice, own, lagged)


def response_choices(entry: ResponseSection, efforts: tuple[str, ...]) -> tuple[ResponseChoice, ...]:
    """Make the market functions of one entry of `models.response`: one, or under pareto perhaps many."""
    terms: dict[str, Any] = {"lag": entry.lag, "own": entry.own, "cross": entry.cross}
    if entry.curves is not None:
        link = entry.link or "identity"
        # An effort without a curve is reported by the checks; until then it is left out.
        curves = {effort: entry.curves[effort] for effort in efforts if effort in entry.curves}
        name = entry.name or ("mixed" if link == "identity" else f"{link}-mixed")
        return (ResponseChoice(name, "mixed", link, FrozenMapping(curves), **terms),)
    family = entry.family or ""
    if family == "pareto":
        return tuple(_pareto_choices(entry, efforts))
    family_link, curve = family_parts(family)
    same_curves = FrozenMapping(dict.fromkeys(efforts, curve))
    return (ResponseChoice(entry.name or family, family, family_link, same_curves, **terms),)


def _pareto_choices(entry: ResponseSection, efforts: tuple[str, ...]) -> Iterator[ResponseChoice]:
    base = entry.name or "pareto"
    curves = FrozenMapping(dict.fromkeys(efforts, family_parts("pareto")[1]))
    if entry.order == "all":
        for order in permutations(efforts):
            yield ResponseChoice("-".join((base, *order)), "pareto", "identity", curves, order)
    elif entry.order == "leading":
        for leader in efforts:
            order = (leader, *(effort for effort in efforts if effort != leader))
            yield ResponseChoice(f"{base}-{leader}", "pareto", "identity", curves, order)
    else:
        yield ResponseChoice(base, "pareto", "identity", curves, tuple(entry.order or efforts))


def carry_over_name(entry: CarryOverSection) -> str:
    """Give the name of an entry of `models.carry_over`: as written, or else the kinds it uses."""
    if entry.name is not None:
        return entry.name
    parts = [f"{kind}-{effort}" for effort, kind in entry.efforts.items() if kind != "none"]
    return "-".join(([] if entry.kind == "none" and parts else [entry.kind]) + parts)


def true_variant(simulate: SimulateSection) -> Variant:
    """Give the true model of simulated markets, named ``truth``; its form follows from γ."""
    truth, efforts = simulate.truth, tuple(simulate.efforts)
    response = response_choices(truth.response, efforts)[0]
    forms: dict[float, Form] = {0.0: "investment", 1.0: "proportional"}
    form = forms.get(truth.parameters.get("returns_to_scale", 0.0), "scaled")
    effects = resolve_effects(truth.firm_effects, form, response.link)
    return Variant("truth", form, response, effects, carry_over_kinds(truth.carry_over, efforts))


def carry_over_kinds(entry: CarryOverSection, efforts: tuple[str, ...]) -> FrozenMapping[CarryOver]:
    """Give the kind of carry-over of every effort."""
    return FrozenMapping({name: entry.efforts.get(name, entry.kind) for name in efforts})


def resolve_effects(effects: FirmEffects, form: Form, link: Link) -> FirmEffects:
    """Choose the firm effects that can be identified.

    Under γ = 1 and an additive f only differences of f between firms matter: there the firms' constants sum
    to zero, and one constant for all firms drops out.
    """
    if link == "identity" and form == "proportional":
        resolved: dict[FirmEffects, FirmEffects] = {"free": "zero-sum", "constant": "none"}
        return resolved.get(effects, effects)
    return effects


_EFFECT_NAMES: dict[FirmEffects, str] = {
    "free": "effects",
    "constant": "common",
    "zero-sum": "zerosum",
    "none": "noeffects",
}


@dataclass(frozen=True, slots=True)
class _Labels:
    """Names of a combination on each axis; `exclude` is compared with these."""

    form: Form
    response: str
    firm_effects: FirmEffects
    carry_over: str
    numeraire: str | None
    gain: Gain | None

    def join(self, models: ModelsSection, gains: tuple[Gain, ...]) -> str:
        parts = [self.form, self.response]
        if len(models.firm_effects) > 1:
            parts.append(_EFFECT_NAMES[self.firm_effects])
        if len(models.carry_over) > 1:
            parts.append(self.carry_over)
        if len(models.numeraire) > 1:
            parts.append("gauge" if self.numeraire is None else f"per-{self.numeraire}")
        if len(gains) > 1:
            parts.append(self.gain if isinstance(self.gain, str) else f"gain-{self.gain:g}")
        return "-".join(parts)


def _matches(entry: ExcludeSection, labels: _Labels) -> bool:
    excluded: Mapping[str, Any] = {axis: getattr(entry, axis) for axis in entry.model_fields_set}
    return bool(excluded) and all(
        values is None or getattr(labels, axis) in values for axis, values in excluded.items()
    )
