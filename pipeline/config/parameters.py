"""What the parameters of models are called: by effort, by firm, and those of the market."""

import re
from collections.abc import Iterable, Mapping

from pipeline.config.catalogue import carry_over_parameters, curve_parameters, shared_parameters
from pipeline.config.sections.models import CurveSection
from pipeline.config.terms import lag_terms, response_terms
from pipeline.config.variants import Variant

JUMP_PRICE = "jump_price"
RETURNS_TO_SCALE = "returns_to_scale"
FIXED_RETURNS: Mapping[str, float] = {"investment": 0.0, "proportional": 1.0}
"""γ of the forms that fix it; the others estimate it."""
GAIN = "gain"
"""By how much the state follows the errors of a period: 0 not at all, 1 entirely."""
AUTOCORRELATION = "autocorrelation"
"""Of the errors from one period to the next, where it is estimated with the other parameters."""
CONSTANT = "constant"
"""The constant term of f; with firm effects followed by the firm: ``constant.Acme``."""
INITIAL = "initial"
"""Log-ratio of a firm's share before the first period, where it is estimated: ``initial.Acme``."""
ENTRY = "entry"
"""Error of the log share that a firm is seen to enter with: ``entry.Acme``, ``entry.Acme:2`` later."""
OF_ERRORS = frozenset({GAIN, AUTOCORRELATION})
"""What the errors are like, not the law by which shares move; coefficients of controls are so, too."""
_CONTROL = ".control"
RESERVED = frozenset({JUMP_PRICE, RETURNS_TO_SCALE, GAIN, AUTOCORRELATION, CONSTANT, INITIAL, ENTRY})

_DOTTED = re.compile(r"\b([A-Za-z_]\w*(?:\.\w+)+)")


def effort_parameter(effort: str, parameter: str) -> str:
    """Name a parameter of an effort's curve or carry-over: ``price.h``; ``beta`` is called ``price``."""
    return effort if parameter == "beta" else f"{effort}.{parameter}"


def control_parameter(effort: str) -> str:
    """Name the coefficient by which errors go with what instruments leave of an effort."""
    return f"{effort}{_CONTROL}"


def of_errors(name: str) -> bool:
    """Tell whether a parameter is about the errors, and no part of the law by which shares move."""
    first, _, last = name.rpartition(".")
    return name in OF_ERRORS or (f".{last}" == _CONTROL and first not in RESERVED)


def entry_parameter(firm: str, number: int) -> str:
    """Name the error of the share with which a firm enters a market for the first time, or comes back."""
    return f"{ENTRY}.{firm}" if number == 1 else f"{ENTRY}.{firm}:{number}"


def of_states(name: str) -> bool:
    """Tell whether a parameter is a share that the course of one market begins with, or its error."""
    return name.startswith((f"{INITIAL}.", f"{ENTRY}."))


def of_firm(name: str) -> bool:
    """Tell whether a parameter is a level of one firm, its constant or a share, and not what efforts do."""
    return of_states(name) or name.startswith(f"{CONSTANT}.")


def firm_parameter(firm: str | None) -> str:
    """Name the constant of a firm, or with None the one of all firms."""
    return CONSTANT if firm is None else f"{CONSTANT}.{firm}"


def variant_parameters(
    variant: Variant, curves: Mapping[str, CurveSection], firms: Iterable[str] | None
) -> tuple[str, ...]:
    """Name the parameters of a model, as far as they are known without the data.

    Parameters
    ----------
    variant
        The model.
    curves
        The study's own curves.
    firms
        The firms; None when they are not known: parameters named after a firm are then left out.

    Returns
    -------
    tuple of str
        Parameters of f, coefficients of controls, then M and γ.
    """
    names: dict[str, None] = {}
    for effort, curve in variant.response.curves.items():
        of_effort = (*curve_parameters(curve, curves), *carry_over_parameters(variant.carry_over[effort]))
        names |= dict.fromkeys(effort_parameter(effort, name) for name in of_effort)
        names |= dict.fromkeys(shared_parameters(curve))
    response = variant.response
    terms = lag_terms(response) if firms is None else response_terms(response, tuple(firms))
    names |= dict.fromkeys(term.name for term in terms)
    if variant.firm_effects == "constant":
        names[CONSTANT] = None
    elif variant.firm_effects != "none" and firms is not None:
        names |= dict.fromkeys(firm_parameter(firm) for firm in firms)
    names |= dict.fromkeys(control_parameter(effort) for effort in variant.endogenous)
    return (*names, JUMP_PRICE, RETURNS_TO_SCALE)


def undotted(text: str) -> tuple[str, dict[str, str]]:
    """Write dotted names as plain ones, so that a formula over parameters can be parsed.

    Returns
    -------
    plain : str
        The text with ``price.h`` as ``price__h``.
    dotted : dict of str
        The dotted name of each plain one.
    """
    dotted = {name.replace(".", "__"): name for name in _DOTTED.findall(text)}
    return _DOTTED.sub(lambda match: match[1].replace(".", "__"), text), dotted
