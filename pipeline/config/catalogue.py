"""What the kernels know by name: curves, families and carry-over, imported only when needed."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from pipeline.config.sections.models import CurveParameter, CurveSection, Link

if TYPE_CHECKING:
    from kernels.response.catalogue import Curve
    from kernels.response.parameter import Parameter

# Curves that only make sense for the family of that name.
_BOUND_TO_FAMILY = ("pareto", "ces")
SHARED_NAMES = {"beta": "pareto"}
"""What parameters that efforts share are called in results: the one coefficient of ranked efforts."""


def curve_names() -> tuple[str, ...]:
    """Names of the curves that an effort may have."""
    from kernels.response.catalogue import CURVES

    return tuple(name for name in CURVES if name not in _BOUND_TO_FAMILY)


def family_names() -> tuple[str, ...]:
    """Names of the families: every curve that can stand for all efforts, and mnl, mci, ces and pareto."""
    from kernels.response.catalogue import FAMILIES

    return tuple(FAMILIES)


def family_parts(name: str) -> tuple[Link, str]:
    """Link and curve of a family; a name that is no family is taken for a curve of the study's own."""
    from kernels.response.catalogue import FAMILIES

    if name not in FAMILIES:
        return "identity", name
    return cast("Link", FAMILIES[name].link), FAMILIES[name].curve


def curve_parameters(name: str, own: Mapping[str, CurveSection]) -> tuple[str, ...]:
    """Names of a curve's parameters that each effort has to itself, the main coefficient as ``beta``."""
    from kernels.response.catalogue import CURVES

    if name in own:
        return ("beta", *list(own[name].parameters)[1:])
    if name not in CURVES:
        return ()
    return tuple(item.name for item in CURVES[name].parameters if item.name not in CURVES[name].shared)


def shared_parameters(name: str) -> tuple[str, ...]:
    """Names of the parameters that all efforts with a curve have in common, as they are reported."""
    from kernels.response.catalogue import CURVES

    return tuple(SHARED_NAMES.get(item, item) for item in CURVES[name].shared) if name in CURVES else ()


def own_curves(sections: Mapping[str, CurveSection]) -> dict[str, "Curve"]:
    """Compile the curves of a study's own.

    Raises
    ------
    kernels.formula.expression.ExpressionError
        When a formula is refused; `load_study` has said so before.
    """
    from kernels.response.catalogue import DOMAINS, user_curve

    return {
        name: user_curve(
            name,
            section.formula,
            [_own_parameter(key, parameter) for key, parameter in section.parameters.items()],
            DOMAINS[section.domain],
        )
        for name, section in sections.items()
    }


def own_bounds(parameter: CurveParameter) -> tuple[float, float]:
    """Bounds of a parameter of a curve of the study's own; infinite where none are given."""
    low = -math.inf if parameter.minimum is None else parameter.minimum
    return low, math.inf if parameter.maximum is None else parameter.maximum


def _own_parameter(name: str, written: CurveParameter) -> "Parameter":
    """Complete what the study says of a parameter: a start inside the bounds, and a finite box around it."""
    from kernels.response.parameter import Parameter

    minimum, maximum = own_bounds(written)
    middle = (
        0.5 * (minimum + maximum) if math.isfinite(minimum + maximum) else min(max(1.0, minimum), maximum)
    )
    # The middle of what the user gave, when he gave a box but no start.
    if written.low is not None and written.high is not None:
        middle = 0.5 * (written.low + written.high)
    start = middle if written.start is None else written.start
    width = 3.0 * max(abs(start), 1.0)
    around = (
        minimum if math.isfinite(minimum) else start - width,
        maximum if math.isfinite(maximum) else start + width,
    )
    low = around[0] if written.low is None else written.low
    high = around[1] if written.high is None else written.high
    return Parameter(name, written.unit, minimum, maximum, start, low, high)


def has_main_coefficient(name: str, own: Mapping[str, CurveSection]) -> bool:
    """Tell whether a curve is one coefficient times a shape, so that a coefficient of 1 means something."""
    return not name.startswith("ispline") and "beta" in curve_parameters(name, own)


def carry_over_parameters(kind: str) -> tuple[str, ...]:
    """Names of the parameters of a kind of carry-over."""
    from kernels.response.carryover import carry_overs

    return tuple(parameter.name for parameter in carry_overs()[kind].parameters)


def carry_over_names() -> frozenset[str]:
    """Names of the parameters of all kinds of carry-over."""
    from kernels.response.carryover import carry_overs

    return frozenset(parameter.name for rule in carry_overs().values() for parameter in rule.parameters)


def parameter_bounds(curve: str, parameter: str, own: Mapping[str, CurveSection]) -> tuple[float, float]:
    """Bounds of a parameter of a curve, as far as they do not depend on the data."""
    from kernels.response.catalogue import CURVES

    if curve in own:
        first = next(iter(own[curve].parameters))
        return own_bounds(own[curve].parameters[first if parameter == "beta" else parameter])
    for item in CURVES[curve].parameters if curve in CURVES else ():
        if item.name == parameter:
            # Bounds that come from data belong to positive scales.
            low = 0.0 if callable(item.minimum) else item.minimum
            return low, math.inf if callable(item.maximum) else item.maximum
    return -math.inf, math.inf
