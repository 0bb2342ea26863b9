"""What the kernels know by name: curves, families and carry-over, imported only when needed."""

import math
from collections.abc import Mapping
from typing import cast

from pipeline.config_models import CurveSection, Link

# Curves that only make sense for the family of that name.
_BOUND_TO_FAMILY = ("pareto", "ces")


def curve_names() -> tuple[str, ...]:
    """Names of the curves that an effort may have."""
    from kernels.catalogue import CURVES

    return tuple(name for name in CURVES if name not in _BOUND_TO_FAMILY)


def family_names() -> tuple[str, ...]:
    """Names of the families: every curve that can stand for all efforts, and mnl, mci, ces and pareto."""
    from kernels.catalogue import FAMILIES

    return tuple(FAMILIES)


def family_parts(name: str) -> tuple[Link, str]:
    """Link and curve of a family; a name that is no family is taken for a curve of the study's own."""
    from kernels.catalogue import FAMILIES

    if name not in FAMILIES:
        return "identity", name
    return cast("Link", FAMILIES[name].link), FAMILIES[name].curve


def curve_parameters(name: str, own: Mapping[str, CurveSection]) -> tuple[str, ...]:
    """Names of the parameters that each effort with a curve has to itself; none for an unknown curve."""
    from kernels.catalogue import CURVES

    if name in own:
        return tuple(own[name].parameters)
    if name not in CURVES:
        return ()
    return tuple(item.name for item in CURVES[name].parameters if item.name not in CURVES[name].shared)


def shared_parameters(name: str) -> tuple[str, ...]:
    """Names of the parameters that all efforts with a curve have in common."""
    from kernels.catalogue import CURVES

    return CURVES[name].shared if name in CURVES else ()


def has_main_coefficient(name: str, own: Mapping[str, CurveSection]) -> bool:
    """Tell whether a curve is one coefficient times a shape, so that a coefficient of 1 means something."""
    return not name.startswith("ispline") and "beta" in curve_parameters(name, own)


def carry_over_parameters(kind: str) -> tuple[str, ...]:
    """Names of the parameters of a kind of carry-over."""
    from kernels.carryover import carry_overs

    return tuple(parameter.name for parameter in carry_overs()[kind].parameters)


def parameter_bounds(curve: str, parameter: str, own: Mapping[str, CurveSection]) -> tuple[float, float]:
    """Bounds of a parameter of a curve, as far as they do not depend on the data."""
    from kernels.catalogue import CURVES

    if curve in own:
        written = own[curve].parameters[parameter]
        low = -math.inf if written.minimum is None else written.minimum
        return low, math.inf if written.maximum is None else written.maximum
    for item in CURVES[curve].parameters if curve in CURVES else ():
        if item.name == parameter:
            # Bounds that come from data belong to positive scales.
            low = 0.0 if callable(item.minimum) else item.minimum
            return low, math.inf if callable(item.maximum) else item.maximum
    return -math.inf, math.inf
