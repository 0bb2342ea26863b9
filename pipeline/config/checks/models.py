"""Checks of `models` and `curves`: names that do not exist, choices that do not go together."""

import re
from collections.abc import Callable, Iterable, Sequence

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.catalogue import (
    carry_over_names,
    curve_names,
    family_names,
    has_main_coefficient,
    own_bounds,
)
from pipeline.config.sections.models import CARRY_OVER_KEYS, CurveSection, ResponseSection
from pipeline.config.study import Study
from pipeline.config.variants import carry_over_name, matches_anything, response_choices
from pipeline.config.yaml.findings import Findings
from pipeline.names import did_you_mean, one_of

Location = tuple[int | str, ...]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_curves(study: Study, findings: Findings) -> None:
    """Check the curves of the study's own: formula, parameters, bounds and starts."""
    for name, curve in study.curves.items():
        location = ("curves", name)
        if not _NAME.fullmatch(name):
            findings.add(location, f"the curve {name!r}", "a name of letters, digits and underscores")
        if name in (*curve_names(), *family_names()):
            findings.add(
                location, f"the curve {name!r}", f"another name: {name!r} is in the catalogue already"
            )
        _check_curve_formula(location, curve, findings)
        for key, parameter in curve.parameters.items():
            place = (*location, "parameters", key)
            if not _NAME.fullmatch(key) or key == "u":
                findings.add(
                    place, f"the parameter {key!r}", "a name of letters and digits other than u, the effort"
                )
            if key in carry_over_names():
                findings.add(
                    place, f"the parameter {key!r}", "another name: carry-over has a parameter of this name"
                )
            low, high = own_bounds(parameter)
            if low >= high:
                findings.add(
                    (*place, "minimum"), f"minimum {low:g} and maximum {high:g}", "minimum < maximum"
                )
                continue
            for field in ("start", "low", "high"):
                value = getattr(parameter, field)
                if value is not None and not low <= value <= high:
                    expected = f"a value within the bounds {low:g} to {high:g}"
                    findings.add((*place, field), f"{value:g}", expected)
            if parameter.low is not None and parameter.high is not None and parameter.low >= parameter.high:
                got = f"low {parameter.low:g} and high {parameter.high:g}"
                findings.add((*place, "low"), got, "low < high")


def _check_curve_formula(location: Location, curve: CurveSection, findings: Findings) -> None:
    names = ("u", *curve.parameters)
    try:
        used = parse(curve.formula, names).names
    except ExpressionError as error:
        where = "" if error.position is None else f" (character {error.position})"
        got, expected = f"{error.text!r}{where}: {error.reason}", f"a formula of {', '.join(names)}"
        findings.add((*location, "formula"), got, expected)
        return
    for name in names:
        if name not in used:
            findings.add(
                (*location, "formula"), f"a formula without {name!r}", "every parameter and u in the formula"
            )


def check_models(study: Study, findings: Findings) -> None:
    """Check every axis of the section `models`, and what combining them gives."""
    for index, entry in enumerate(study.models.response):
        check_response(study, entry, ("models", "response", index), findings)
    for index, carry in enumerate(study.models.carry_over):
        for effort in carry.efforts:
            _check_effort(study, ("models", "carry_over", index, effort), effort, CARRY_OVER_KEYS, findings)
    for index, numeraire in enumerate(study.models.numeraire):
        if numeraire is not None:
            _check_effort(study, ("models", "numeraire", index), numeraire, (), findings)
    for axis in ("form", "firm_effects", "numeraire"):
        _check_unique(("models", axis), getattr(study.models, axis), str, findings)
    _check_unique(("models", "carry_over"), study.models.carry_over, carry_over_name, findings)
    if findings.clean("models", "curves"):
        # Names are what combinations and exclusions are made of: checked only when they are right.
        _check_combinations(study, findings)


def check_terms(study: Study, entry: ResponseSection, location: Location, findings: Findings) -> None:
    """Check that further terms refer to efforts, or lags of them, that exist, once each."""
    for effort in entry.lag:
        _check_effort(study, (*location, "lag", effort), effort, (), findings)
    sources = (*study.efforts, *(f"{name}.lag{k}" for name, n in entry.lag.items() for k in range(1, n + 1)))
    for key in ("own", "cross"):
        names = getattr(entry, key)
        for index, name in enumerate(names):
            place = (*location, key, index)
            if name not in sources:
                findings.add(
                    place, f"the unknown effort {name!r}", one_of(sources), did_you_mean(name, sources)
                )
            elif name in names[:index]:
                findings.add(place, f"{name!r} a second time", "every effort once")
            elif f"{name}.{key}" not in study.fit.priors:
                # Beside the common coefficient these are determined by their prior only.
                expected = f"its prior under fit.priors, e.g. `{{{name}.{key}: [0, 0.5]}}`"
                findings.add(place, f"terms {name}.{key} without a prior", expected)


def check_response(study: Study, entry: ResponseSection, location: Location, findings: Findings) -> None:
    """Check that a response names families, curves and efforts that exist, and a curve for every effort."""
    check_terms(study, entry, location, findings)
    families = (*family_names(), *study.curves)
    if entry.family is not None:
        if entry.family not in families:
            key = (*location, "family")
            findings.add(
                key,
                f"the unknown family {entry.family!r}",
                one_of(families),
                did_you_mean(entry.family, families),
            )
        if isinstance(entry.order, tuple) and sorted(entry.order) != sorted(study.efforts):
            got = f"the ranking {', '.join(entry.order)}"
            findings.add((*location, "order"), got, f"every effort once: {', '.join(study.efforts)}")
        return
    curves = (*curve_names(), *study.curves)
    written = entry.curves or {}
    # Efforts may stand in the response itself or, spelled out, under `curves`.
    spelled_out = isinstance(findings.written(location), dict) and "curves" in findings.written(location)
    base = (*location, "curves") if spelled_out else location
    for effort, curve in written.items():
        _check_effort(study, (*base, effort), effort, ("name", "link", "family"), findings)
        if curve not in curves:
            hint = did_you_mean(curve, curves)
            if curve in families:
                hint = f"{curve!r} is a family for all efforts: under link exp, linear is mnl, ln is mci."
            findings.add((*base, effort), f"the unknown curve {curve!r}", one_of(curves), hint)
    missing = [effort for effort in study.efforts if effort not in written]
    if missing:
        findings.add(location, f"no curve for {', '.join(missing)}", "a curve for every effort of the study")


def _check_effort(
    study: Study, location: Location, effort: str, others: Iterable[str], findings: Findings
) -> None:
    if study.efforts and effort not in study.efforts:
        hint = did_you_mean(effort, (*study.efforts, *others))
        findings.add(location, f"the unknown effort {effort!r}", one_of(study.efforts), hint)


def _check_unique[Entry](
    location: Location, entries: Sequence[Entry], name: Callable[[Entry], str], findings: Findings
) -> None:
    names = [name(entry) for entry in entries]
    for index, label in enumerate(names):
        if label in names[:index]:
            expected = "every entry once, or a `name` of its own for each"
            findings.add((*location, index), f"{label!r} a second time", expected)


def _check_combinations(study: Study, findings: Findings) -> None:
    choices = [
        (index, choice)
        for index, entry in enumerate(study.models.response)
        for choice in response_choices(entry, study.efforts)
    ]
    labels = [choice.name for _, choice in choices]
    for position, (index, choice) in enumerate(choices):
        if choice.name in labels[:position]:
            expected = "every response once, or a `name` of its own for each"
            findings.add(
                ("models", "response", index), f"the response {choice.name!r} a second time", expected
            )
    if not findings.clean("models"):
        return
    _check_excludes(study, labels, findings)
    variants = study.variants()
    if not variants:
        findings.add(("models", "exclude"), "exclusions that leave no model", "at least one combination left")
    names = [variant.name for variant in variants]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        expected = "names that tell models apart: give responses or carry-overs a `name`"
        findings.add(("models",), f"two models called {twice[0]!r}", expected)
    for variant in variants:
        if variant.numeraire is None:
            continue
        curve = variant.response.curves[variant.numeraire]
        if variant.response.link != "identity" or variant.response.order:
            got = f"the numeraire {variant.numeraire!r} under the response {variant.response.name!r}"
            expected = "an additive f: only there a coefficient of 1 means one unit of money"
        elif not has_main_coefficient(curve, study.curves):
            got = f"the numeraire {variant.numeraire!r} with the curve {curve!r}"
            expected = "a curve with one main coefficient, such as linear"
        else:
            continue
        hint = "Exclude the combination under models.exclude, or leave the response out."
        findings.add(("models", "numeraire"), got, expected, hint)


def _check_excludes(study: Study, responses: Sequence[str], findings: Findings) -> None:
    known = {
        "response": tuple(responses),
        "carry_over": tuple(carry_over_name(entry) for entry in study.models.carry_over),
        "form": study.models.form,
        "firm_effects": study.models.firm_effects,
        "numeraire": study.models.numeraire,
    }
    for index, entry in enumerate(study.models.exclude):
        location = ("models", "exclude", index)
        good = True
        for axis in sorted(entry.model_fields_set):
            valid = [str(value) for value in known[axis]]
            for position, value in enumerate(getattr(entry, axis) or ()):
                if str(value) not in valid:
                    good = False
                    got = f"{value!r}, which models.{axis} does not have"
                    findings.add(
                        (*location, axis, position), got, one_of(valid), did_you_mean(str(value), valid)
                    )
        if good and not matches_anything(entry, study.models, study.efforts):
            expected = "axes and values, e.g. {form: proportional, response: hill}"
            findings.add(location, "an exclusion that matches no model", expected)
