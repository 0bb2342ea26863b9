"""Checks of the section `simulate`: a truth that is complete, budgets that add up, firms that differ."""

import datetime as dt

from pipeline.config.catalogue import parameter_bounds
from pipeline.config.checks.responses import check_effort, check_response
from pipeline.config.parameters import JUMP_PRICE, RETURNS_TO_SCALE, variant_parameters
from pipeline.config.sections.models import CARRY_OVER_KEYS
from pipeline.config.sections.simulate import SimulateSection
from pipeline.config.study import Study
from pipeline.config.variants import Variant, response_choices, true_variant
from pipeline.config.yaml.findings import Findings

_TRUTH = ("simulate", "truth")
_MOST_NUMBERS = 20_000_000
"""In one simulated market: 160 MB, several times over while it is made."""


def check_simulate(study: Study, simulate: SimulateSection, findings: Findings) -> None:
    """Check simulated markets and their truth."""
    _check_markets(simulate, findings)
    count = len(findings.problems)
    truth = simulate.truth
    check_response(study, truth.response, (*_TRUTH, "response"), findings)
    for effort in truth.carry_over.efforts:
        check_effort(study, (*_TRUTH, "carry_over", effort), effort, findings, CARRY_OVER_KEYS)
    if len(response_choices(truth.response, study.efforts)) != 1:
        got = f"the order {truth.response.order!r}"
        findings.add((*_TRUTH, "response", "order"), got, "one ranking: there is one truth")
    if len(findings.problems) == count:
        _check_parameters(study, simulate, findings)


def _check_markets(simulate: SimulateSection, findings: Findings) -> None:
    numbers = len(simulate.firms) * simulate.periods * (1 + len(simulate.efforts))
    if numbers > _MOST_NUMBERS:
        got = f"{len(simulate.firms):,} firms over {simulate.periods:,} periods: {numbers:,} numbers in a market"
        findings.add(("simulate", "periods"), got, f"at most {_MOST_NUMBERS:,}: fewer firms or periods")
    total = sum(budget.part for budget in simulate.efforts.values())
    if abs(total - 1) > 1e-6:
        findings.add(("simulate", "efforts"), f"parts that sum to {total:.6g}", "parts that sum to 1")
    repeated = [firm for firm in simulate.firms if simulate.firms.count(firm) > 1]
    if repeated:
        findings.add(
            ("simulate", "firms"), f"the firm {repeated[0]!r} twice", "a different name for each firm"
        )
    if simulate.start is not None:
        try:
            dt.date.fromisoformat(simulate.start)
        except ValueError:
            findings.add(("simulate", "start"), repr(simulate.start), "a date that exists, e.g. 2024-01-01")


def _check_parameters(study: Study, simulate: SimulateSection, findings: Findings) -> None:
    """Check that every parameter of the truth has a value, within its bounds."""
    variant, values = true_variant(simulate), simulate.truth.parameters
    needed = variant_parameters(variant, study.curves, simulate.firms)
    for name in needed:
        if name not in values:
            findings.add((*_TRUTH, "parameters", name), "nothing", f"the true value of {name!r}")
    for name, value in values.items():
        location = (*_TRUTH, "parameters", name)
        if name not in needed:
            got = f"the parameter {name!r}, which the true f does not have"
            findings.add_unknown(location, got, name, needed)
        else:
            expected = _expected_value(study, variant, name, value)
            if expected is not None:
                findings.add(location, f"{value:g}", expected)


def _expected_value(study: Study, variant: Variant, name: str, value: float) -> str | None:
    """Say which values a parameter may have; None when this one is among them."""
    if name == JUMP_PRICE:
        return "M > 0, in currency" if value <= 0 else None
    if name == RETURNS_TO_SCALE:
        return "γ >= 0" if value < 0 else None
    effort, _, parameter = name.partition(".")
    curve = variant.response.curves.get(effort, "")
    low, high = parameter_bounds(curve, parameter or "beta", study.curves)
    return None if low <= value <= high else f"a value within {low:g} to {high:g}"
