"""Checks of the section `fit`: unknown parameters, values outside bounds, options of other methods."""

import re
from collections.abc import Mapping, Sequence

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.parameters import (
    AUTOCORRELATION,
    CONSTANT,
    ENTRY,
    GAIN,
    INITIAL,
    undotted,
    variant_parameters,
)
from pipeline.config.sections.fit import FitSection
from pipeline.config.study import Study
from pipeline.config.yaml.findings import Findings


def check_fit(study: Study, findings: Findings) -> None:
    """Check the section `fit` on its own and against the models."""
    fit = study.fit
    if fit.loss != "linear" and fit.method != "least_squares":
        expected = "loss: linear, or method: least_squares, the only one with robust losses"
        findings.add(("fit", "loss"), f"the loss {fit.loss!r} with method {fit.method}", expected)
    if fit.expr and fit.method == "compiled":
        expected = "method: leastsq, or another one of lmfit, which ties parameters to each other"
        findings.add(("fit", "method"), "compiled beside fit.expr", expected)
    own = [kind for kind in fit.noise if kind != "homogeneous"]
    if own and fit.residual == "share":
        expected = "noise: homogeneous, or residual: ilr, whose errors it is about"
        findings.add(("fit", "noise"), f"{own[0]} with residual: share", expected)
    if own and fit.loss != "linear":
        expected = "noise: homogeneous, or loss: linear: a robust loss has weights of its own"
        findings.add(("fit", "noise"), f"{own[0]} with the loss {fit.loss!r}", expected)
    if len(set(fit.noise)) < len(fit.noise):
        findings.add(("fit", "noise"), "the same kind twice", "each kind once")
    if fit.polish > fit.starts:
        findings.add(("fit", "polish"), f"{fit.polish} of {fit.starts} starts", "polish <= starts")
    _check_values(fit, findings)
    if fit.shrinkage is not None and not fit.priors:
        expected = "fit.priors beside shrinkage: the standard deviations that its factors multiply"
        findings.add(("fit", "shrinkage"), "no priors", expected)
    if study.efforts and findings.clean("models", "curves"):
        # The models decide which parameters there are, so they must be right first.
        known = known_parameters(study)
        _check_names(fit, known, findings)
        _check_expressions(fit, known, findings)


def _check_values(fit: FitSection, findings: Findings) -> None:
    """Check that bounds are ordered, and that parameters are held inside them and in one way only."""
    for name, (low, high) in fit.bounds.items():
        if low is not None and high is not None and low >= high:
            hint = f"To hold it at {low:g}, put it under fit.fixed." if low == high else ""
            findings.add(("fit", "bounds", name), f"[{low:g}, {high:g}]", "[smaller, larger]", hint)
    for name, value in fit.fixed.items():
        low, high = fit.bounds.get(name, (None, None))
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"[{'' if low is None else f'{low:g}'}, {'' if high is None else f'{high:g}'}]"
            findings.add(("fit", "fixed", name), f"{value:g}", f"a value within fit.bounds {bounds}")
    if GAIN in fit.fixed and len(fit.gain) > 1:
        got = f"a gain held at {fit.fixed[GAIN]:g} beside {len(fit.gain)} gains under fit.gain"
        findings.add(("fit", "fixed", GAIN), got, "one of the two")
    for name in fit.expr:
        if name in fit.fixed:
            findings.add(("fit", "expr", name), "a parameter that fit.fixed holds too", "one of the two")


def known_parameters(study: Study) -> tuple[str, ...]:
    """Name the parameters of all models of a study, as far as they are known without the data."""
    names: dict[str, None] = {}
    for variant in study.variants():
        parameters = variant_parameters(variant, study.curves, None)
        # The last one, γ, is a number given by the form unless it is estimated.
        names |= dict.fromkeys(parameters if variant.form == "scaled" else parameters[:-1])
    return tuple(names)


def _check_names(fit: FitSection, known: Sequence[str], findings: Findings) -> None:
    """Check that the tables of `fit` name parameters of the models."""
    tables: Mapping[str, Mapping[str, object]] = {
        "fixed": fit.fixed,
        "bounds": fit.bounds,
        "expr": fit.expr,
        "priors": fit.priors,
    }
    # A prior may be given for many parameters: price.own stands for price.own.Acme and all others.
    groups = {f"{name}.{kind}" for name in known for kind in ("own", "cross")}
    for table, entries in tables.items():
        for name in entries:
            if not _is_known(name, known) and not (table == "priors" and name in groups):
                got = f"the parameter {name!r}, which no model of the study has"
                findings.add_unknown(("fit", table, name), got, name, known)


def _is_known(name: str, known: Sequence[str]) -> bool:
    # What carries a firm's name is known by its first part; the firms come with the data.
    return (
        name in known
        or re.fullmatch(rf"({CONSTANT}|{INITIAL}|{ENTRY})(\..+)?|{GAIN}|{AUTOCORRELATION}", name) is not None
        or any(re.match(rf"{re.escape(effort)}\.(own|cross)\..", name) for effort in known)
    )


def _check_expressions(fit: FitSection, known: Sequence[str], findings: Findings) -> None:
    """Check that expressions use parameters of the models, and none of them itself by way of others."""
    uses = {name: _parameters_in(name, text, known, findings) for name, text in fit.expr.items()}
    for name in uses:
        reached: set[str] = set()
        ahead = list(uses[name])
        while ahead:
            other = ahead.pop()
            if other not in reached:
                reached.add(other)
                ahead += uses.get(other, ())
        if name in reached:
            got = f"an expression for {name!r} that leads back to {name!r}"
            expected = "parameters that do not depend on each other in a circle"
            findings.add(("fit", "expr", name), got, expected)


def _parameters_in(name: str, text: str, known: Sequence[str], findings: Findings) -> tuple[str, ...]:
    """Name the parameters that an expression uses; none when it cannot be read."""
    location = ("fit", "expr", name)
    plain, dotted = undotted(text)
    try:
        used = parse(plain).names
    except ExpressionError as error:
        findings.add(location, f"{text!r}: {error.reason}", "a formula over other parameters")
        return ()
    others = tuple(dotted.get(other, other) for other in used)
    for other in others:
        if not _is_known(other, known):
            findings.add_unknown(location, f"the unknown parameter {other!r}", other, known)
    return others
