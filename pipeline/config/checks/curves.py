"""Checks of the section `curves`: formulas, names of parameters, bounds and starts."""

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.catalogue import carry_over_names, curve_names, family_names, stated_bounds
from pipeline.config.checks.data import explain
from pipeline.config.sections.models import CurveParameter, CurveSection
from pipeline.config.sections.types import is_name
from pipeline.config.study import Study
from pipeline.config.yaml.document import KeyPath
from pipeline.config.yaml.findings import Findings


def check_curves(study: Study, findings: Findings) -> None:
    """Check the section `curves`."""
    taken = (*curve_names(), *family_names())
    for name, curve in study.curves.items():
        location = ("curves", name)
        if not is_name(name):
            findings.add(location, f"the curve {name!r}", "a name of letters, digits and underscores")
        if name in taken:
            expected = f"another name: {name!r} is in the catalogue already"
            findings.add(location, f"the curve {name!r}", expected)
        _check_formula((*location, "formula"), curve, findings)
        for key, parameter in curve.parameters.items():
            _check_name((*location, "parameters", key), key, findings)
            _check_bounds((*location, "parameters", key), parameter, findings)


def _check_formula(location: KeyPath, curve: CurveSection, findings: Findings) -> None:
    names = ("u", *curve.parameters)
    try:
        used = parse(curve.formula, names).names
    except ExpressionError as error:
        findings.add(location, explain(error), f"a formula of {', '.join(names)}")
        return
    for name in names:
        if name not in used:
            expected = "every parameter and u in the formula"
            findings.add(location, f"a formula without {name!r}", expected)


def _check_name(location: KeyPath, name: str, findings: Findings) -> None:
    if not is_name(name) or name == "u":
        expected = "a name of letters and digits other than u, the effort"
        findings.add(location, f"the parameter {name!r}", expected)
    if name in carry_over_names():
        expected = "another name: carry-over has a parameter of this name"
        findings.add(location, f"the parameter {name!r}", expected)


def _check_bounds(location: KeyPath, parameter: CurveParameter, findings: Findings) -> None:
    minimum, maximum = stated_bounds(parameter)
    if minimum >= maximum:
        got = f"minimum {minimum:g} and maximum {maximum:g}"
        findings.add((*location, "minimum"), got, "minimum < maximum")
        return
    for key in ("start", "low", "high"):
        value = getattr(parameter, key)
        if value is not None and not minimum <= value <= maximum:
            expected = f"a value within the bounds {minimum:g} to {maximum:g}"
            findings.add((*location, key), f"{value:g}", expected)
    if parameter.low is not None and parameter.high is not None and parameter.low >= parameter.high:
        got = f"low {parameter.low:g} and high {parameter.high:g}"
        findings.add((*location, "low"), got, "low < high")
