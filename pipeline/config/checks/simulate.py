"""Checks of the section `simulate`: a truth that is complete, budgets that add up, firms that differ."""

import datetime as dt

from pipeline.config.catalogue import parameter_bounds
from pipeline.config.checks.models import check_response
from pipeline.config.parameters import JUMP_PRICE, RETURNS_TO_SCALE, variant_parameters
from pipeline.config.sections.simulate import SimulateSection
from pipeline.config.study import Study
from pipeline.config.variants import Variant, response_choices, true_variant
from pipeline.config.yaml.findings import Findings
from pipeline.names import did_you_mean, one_of

_TRUTH = ("simulate", "truth")


def check_simulate(study: Study, simulate: SimulateSection, findings: Findings) -> None:
    """Check a simulated market and its truth."""
    total = sum(budget.part for budget in simulate.efforts.values())
    if abs(total - 1) > 1e-6:
        findings.add(("simulate", "efforts"), f"parts that sum to {total:.6g}", "parts that sum to 1")
    twice = [firm for firm in simulate.firms if simulate.firms.count(firm) > 1]
    if twice:
        findings.add(("simulate", "firms"), f"the firm {twice[0]!r} twice", "a name of its own for each firm")
    if simulate.start is not None:
        try:
            dt.date.fromisoformat(simulate.start)
        except ValueError:
            findings.add(
                ("simulate", "start"), repr(simulate.start), "a day of the calendar, e.g. 2024-01-01"
            )
    before = len(findings.problems)
    check_response(study, simulate.truth.response, (*_TRUTH, "response"), findings)
    for effort in simulate.truth.carry_over.efforts:
        if effort not in study.efforts:
            hint = did_you_mean(effort, study.efforts)
            location = (*_TRUTH, "carry_over", effort)
            findings.add(location, f"the unknown effort {effort!r}", one_of(study.efforts), hint)
    if len(response_choices(simulate.truth.response, study.efforts)) != 1:
        got = f"the order {simulate.truth.response.order!r}"
        findings.add((*_TRUTH, "response", "order"), got, "one ranking: there is one truth")
    if len(findings.problems) == before:
        _check_truth(study, simulate, true_variant(simulate), findings)


def _check_truth(study: Study, simulate: SimulateSection, variant: Variant, findings: Findings) -> None:
    given = simulate.truth.parameters
    needed = variant_parameters(variant, study.curves, simulate.firms)
    for name in needed:
        if name not in given:
            findings.add((*_TRUTH, "parameters", name), "nothing", f"the true value of {name!r}")
    for name, value in given.items():
        location = (*_TRUTH, "parameters", name)
        if name not in needed:
            got = f"the parameter {name!r}, which the true f does not have"
            findings.add(location, got, one_of(needed), did_you_mean(name, needed))
        elif name == JUMP_PRICE and value <= 0:
            findings.add(location, f"{value:g}", "M > 0, in currency")
        elif name == RETURNS_TO_SCALE and value < 0:
            findings.add(location, f"{value:g}", "γ >= 0")
        else:
            effort, _, parameter = name.partition(".")
            curve = variant.response.curves.get(effort, "")
            low, high = parameter_bounds(curve, parameter or "beta", study.curves)
            if not low <= value <= high:
                findings.add(location, f"{value:g}", f"a value within {low:g} to {high:g}")
