"""What the kernels know by name: curves, families and carry-over.

Kernels are imported inside the functions: they bring numba, which a point query must not wait for.
"""

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
    """Link and curve of a family; a name that is no family is taken for one of the study's own curves."""
    from kernels.response.catalogue import FAMILIES

    if name not in FAMILIES:
        return "identity", name
    return cast("Link", FAMILIES[name].link), FAMILIES[name].curve


def curve_parameters(name: str, user_curves: Mapping[str, CurveSection]) -> tuple[str, ...]:
    """Names of the parameters of a curve that are not shared between efforts.

    Parameters
    ----------
    name
        The curve.
    user_curves
        The study's own curves.

    Returns
    -------
    tuple of str
        The main coefficient as ``beta``; nothing for an unknown curve.
    """
    from kernels.response.catalogue import CURVES

    if name in user_curves:
        return ("beta", *list(user_curves[name].parameters)[1:])
    if name not in CURVES:
        return ()
    return tuple(item.name for item in CURVES[name].parameters if item.name not in CURVES[name].shared)


def shared_parameters(name: str) -> tuple[str, ...]:
    """Names of the parameters that all efforts with a curve have in common, as they are reported."""
    from kernels.response.catalogue import CURVES

    return tuple(SHARED_NAMES.get(item, item) for item in CURVES[name].shared) if name in CURVES else ()


def own_curves(sections: Mapping[str, CurveSection]) -> dict[str, "Curve"]:
    """Compile a study's own curves.

    Raises
    ------
    kernels.formula.expression.ExpressionError
        When a formula is refused; `load_study` has reported it before.
    """
    from kernels.response.catalogue import DOMAINS, user_curve

    return {
        name: user_curve(
            name,
            section.formula,
            [_complete_parameter(key, parameter) for key, parameter in section.parameters.items()],
            DOMAINS[section.domain],
        )
        for name, section in sections.items()
    }


def stated_bounds(parameter: CurveParameter) -> tuple[float, float]:
    """Bounds that a study gives to a parameter of its own curves; infinite where it gives none."""
    minimum = -math.inf if parameter.minimum is None else parameter.minimum
    return minimum, math.inf if parameter.maximum is None else parameter.maximum


def _complete_parameter(name: str, section: CurveParameter) -> "Parameter":
    """Complete a parameter of a study's own curve: a start inside the bounds, a finite range for starts."""
    from kernels.response.parameter import Parameter

    minimum, maximum = stated_bounds(section)
    if section.start is not None:
        start = section.start
    elif section.low is not None and section.high is not None:
        start = 0.5 * (section.low + section.high)
    elif math.isfinite(minimum + maximum):
        start = 0.5 * (minimum + maximum)
    else:
        start = min(max(1.0, minimum), maximum)
    width = 3.0 * max(abs(start), 1.0)
    low = minimum if math.isfinite(minimum) else start - width
    high = maximum if math.isfinite(maximum) else start + width
    return Parameter(
        name,
        section.unit,
        minimum,
        maximum,
        start,
        low if section.low is None else section.low,
        high if section.high is None else section.high,
    )


def has_main_coefficient(name: str, user_curves: Mapping[str, CurveSection]) -> bool:
    """Tell whether a curve is one coefficient times a shape, so that the coefficient may be fixed at 1."""
    return not name.startswith("ispline") and "beta" in curve_parameters(name, user_curves)


def carry_over_parameters(kind: str) -> tuple[str, ...]:
    """Names of the parameters of a kind of carry-over."""
    from kernels.response.carryover import carry_overs

    return tuple(parameter.name for parameter in carry_overs()[kind].parameters)


def carry_over_names() -> frozenset[str]:
    """Names of the parameters of all kinds of carry-over."""
    from kernels.response.carryover import carry_overs

    return frozenset(parameter.name for rule in carry_overs().values() for parameter in rule.parameters)


def parameter_bounds(
    curve: str, parameter: str, user_curves: Mapping[str, CurveSection]
) -> tuple[float, float]:
    """Bounds of a parameter of a curve, as far as they do not depend on the data.

    Parameters
    ----------
    curve
        Name of the curve.
    parameter
        Name of the parameter, the main coefficient being ``beta``.
    user_curves
        The study's own curves.

    Returns
    -------
    low, high : float
        Infinite where there is no bound, or no such parameter.
    """
    from kernels.response.catalogue import CURVES

    if curve in user_curves:
        first = next(iter(user_curves[curve].parameters))
        return stated_bounds(user_curves[curve].parameters[first if parameter == "beta" else parameter])
    for item in CURVES[curve].parameters if curve in CURVES else ():
        if item.name == parameter:
            # Bounds that come from data belong to positive scales.
            low = 0.0 if callable(item.minimum) else item.minimum
            return low, math.inf if callable(item.maximum) else item.maximum
    return -math.inf, math.inf
