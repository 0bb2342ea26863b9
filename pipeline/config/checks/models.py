"""Checks of the section `models`: axes with names that exist, combinations that make sense."""

from collections.abc import Callable, Sequence

from pipeline.config.catalogue import has_main_coefficient
from pipeline.config.checks.responses import check_effort, check_response
from pipeline.config.sections.models import CARRY_OVER_KEYS, ExcludeSection
from pipeline.config.study import Study
from pipeline.config.variants import (
    Variant,
    carry_over_name,
    matches_anything,
    model_responses,
    response_choices,
)
from pipeline.config.yaml.document import KeyPath
from pipeline.config.yaml.findings import Findings


def check_models(study: Study, findings: Findings) -> None:
    """Check every axis of the section `models`, and the models that they combine to."""
    models = study.models
    for index, response in enumerate(models.response):
        check_response(study, response, ("models", "response", index), findings)
    for index, carry_over in enumerate(models.carry_over):
        for effort in carry_over.efforts:
            location = ("models", "carry_over", index, effort)
            check_effort(study, location, effort, findings, CARRY_OVER_KEYS)
    for index, numeraire in enumerate(models.numeraire):
        if numeraire is not None:
            check_effort(study, ("models", "numeraire", index), numeraire, findings)
    for axis in ("form", "firm_effects", "numeraire"):
        _check_unique(("models", axis), getattr(models, axis), str, findings)
    _check_unique(("models", "carry_over"), models.carry_over, carry_over_name, findings)
    if study.efforts and findings.clean("models", "curves"):
        # Combinations and exclusions are made of names: they are checked only when the names are right.
        _check_combinations(study, findings)


def _check_unique[Entry](
    location: KeyPath, entries: Sequence[Entry], name: Callable[[Entry], str], findings: Findings
) -> None:
    names = [name(entry) for entry in entries]
    for index, label in enumerate(names):
        if label in names[:index]:
            expected = "every entry once, or a `name` of its own for each"
            findings.add((*location, index), f"{label!r} a second time", expected)


def _check_combinations(study: Study, findings: Findings) -> None:
    responses = _check_response_names(study, findings)
    if not findings.clean("models"):
        return
    for index, exclusion in enumerate(study.models.exclude):
        _check_exclusion(study, exclusion, responses, ("models", "exclude", index), findings)
    variants = study.variants()
    if not variants:
        findings.add(("models", "exclude"), "exclusions that leave no model", "at least one combination left")
    names = [variant.name for variant in variants]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        expected = "names that tell models apart: give responses or carry-overs a `name`"
        findings.add(("models",), f"two models called {repeated[0]!r}", expected)
    for variant in variants:
        _check_numeraire(study, variant, findings)


def _check_response_names(study: Study, findings: Findings) -> list[str]:
    """Check that names of responses are unique; give all of them (an entry may stand for several)."""
    names: list[str] = []
    for index, entry in enumerate(study.models.response):
        for choice in response_choices(entry, study.efforts):
            if choice.name in names:
                expected = "every response once, or a `name` of its own for each"
                got = f"the response {choice.name!r} a second time"
                findings.add(("models", "response", index), got, expected)
            names.append(choice.name)
    return [choice.name for choice in model_responses(study.models, study.efforts)]


def _check_numeraire(study: Study, variant: Variant, findings: Findings) -> None:
    if variant.numeraire is None:
        return
    curve = variant.response.curves[variant.numeraire]
    if variant.response.link != "identity" or variant.response.order:
        got = f"the numeraire {variant.numeraire!r} under the response {variant.response.name!r}"
        expected = "an additive f: only there a coefficient of 1 means one unit of money"
    elif not has_main_coefficient(curve, study.curves):
        got = f"the numeraire {variant.numeraire!r} with the curve {curve!r}"
        expected = "a curve with one main coefficient, such as linear"
    else:
        return
    hint = "Exclude the combination under models.exclude, or leave the response out."
    findings.add(("models", "numeraire"), got, expected, hint)


def _check_exclusion(
    study: Study, exclusion: ExcludeSection, responses: Sequence[str], location: KeyPath, findings: Findings
) -> None:
    models = study.models
    known = {
        "response": tuple(responses),
        "carry_over": tuple(carry_over_name(entry) for entry in models.carry_over),
        "form": models.form,
        "firm_effects": models.firm_effects,
        "numeraire": models.numeraire,
        "gain": study.fit.gain,
    }
    all_known = True
    for axis in sorted(exclusion.model_fields_set):
        valid = [str(value) for value in known[axis]]
        for position, value in enumerate(getattr(exclusion, axis) or ()):
            if str(value) not in valid:
                all_known = False
                got = f"{value!r}, which {'fit' if axis == 'gain' else 'models'}.{axis} does not have"
                findings.add_unknown((*location, axis, position), got, str(value), valid)
    if all_known and not matches_anything(exclusion, models, study.efforts, study.fit.gain):
        expected = "axes and values, e.g. {form: proportional, response: hill}"
        findings.add(location, "an exclusion that matches no model", expected)
