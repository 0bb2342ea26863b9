"""The tree of a formula, and the catalogue of operations that a formula may use."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the formula language.

    Parameters
    ----------
    name : str
        Name in formulas (``log1p``) or of the operator (``add``).
    arity : int
        Number of operands.
    compute : callable
        Takes float64 arrays that broadcast, gives a float64 array.
    meaning : str
        One line for people.
    public : bool
        May be called by name in a formula; the others have a sign of their own or arise in derivatives.
    """

    name: str
    arity: int
    compute: Callable[..., Any]
    meaning: str
    public: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A column, an effort or a parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the catalogue on operands."""

    operation: str
    operands: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class CallerCall:
    """A function supplied by the caller, such as ``market_mean``."""

    function: str
    operands: "tuple[Node, ...]"


type Node = Number | Name | Call | CallerCall


def _truth(compare: Callable[..., Any]) -> Callable[..., Any]:
    """Give truth as 0.0 and 1.0: numpy adds booleans as `or`, which no formula means."""
    return lambda *operands: np.asarray(compare(*operands), dtype=np.float64)


def _logistic(x: Array) -> Array:
    # exp of minus |x| cannot overflow, whatever the sign of x.
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, decay) / (1.0 + decay)


_erf = np.frompyfunc(math.erf, 1, 1)


def _power_slope(x: Array, exponent: Array) -> Array:
    return np.where(exponent == 0.0, 0.0, exponent * np.power(x, exponent - 1.0))


def _power_log(x: Array, exponent: Array) -> Array:
    power = np.power(x, exponent)
    return np.where(power == 0.0, 0.0, power * np.log(x))


def _catalogue() -> dict[str, Operation]:
    public = (
        Operation("exp", 1, np.exp, "e to the power x"),
        Operation("expm1", 1, np.expm1, "exp(x) - 1, exact for small x"),
        Operation("log", 1, np.log, "natural logarithm"),
        Operation("log1p", 1, np.log1p, "log(1 + x), exact for small x"),
        Operation("log2", 1, np.log2, "logarithm to base 2"),
        Operation("log10", 1, np.log10, "logarithm to base 10"),
        Operation("sqrt", 1, np.sqrt, "square root"),
        Operation("tanh", 1, np.tanh, "hyperbolic tangent"),
        Operation("sinh", 1, np.sinh, "hyperbolic sine"),
        Operation("cosh", 1, np.cosh, "hyperbolic cosine"),
        Operation("arcsinh", 1, np.arcsinh, "a logarithm that also takes zero and negative x"),
        Operation("sin", 1, np.sin, "sine (season)"),
        Operation("cos", 1, np.cos, "cosine (season)"),
        Operation("arctan", 1, np.arctan, "inverse tangent"),
        Operation("erf", 1, lambda x: np.asarray(_erf(x), dtype=np.float64), "error function"),
        Operation("logistic", 1, _logistic, "1 / (1 + exp(-x))"),
        Operation("abs", 1, np.abs, "absolute value"),
        Operation("sign", 1, np.sign, "-1, 0 or 1"),
        Operation("floor", 1, np.floor, "largest whole number not above x"),
        Operation("ceil", 1, np.ceil, "smallest whole number not below x"),
        Operation("isnan", 1, _truth(np.isnan), "1 where x is missing, else 0"),
        Operation("minimum", 2, np.minimum, "the smaller of two"),
        Operation("maximum", 2, np.maximum, "the larger of two"),
        Operation(
            "where",
            3,
            lambda condition, yes, no: np.where(condition != 0.0, yes, no),
            "where(condition, a, b): a where the condition holds, else b",
        ),
    )
    signs = (
        Operation("add", 2, np.add, "x + y", public=False),
        Operation("subtract", 2, np.subtract, "x - y", public=False),
        Operation("multiply", 2, np.multiply, "x * y", public=False),
        Operation("divide", 2, np.divide, "x / y", public=False),
        Operation("power", 2, np.power, "x ** y", public=False),
        Operation("negative", 1, np.negative, "-x", public=False),
        Operation("less", 2, _truth(np.less), "x < y", public=False),
        Operation("less_equal", 2, _truth(np.less_equal), "x <= y", public=False),
        Operation("equal", 2, _truth(np.equal), "x == y", public=False),
        Operation("not_equal", 2, _truth(np.not_equal), "x != y", public=False),
        Operation("both", 2, _truth(np.logical_and), "x and y", public=False),
        Operation("either", 2, _truth(np.logical_or), "x or y", public=False),
        Operation("negation", 1, _truth(np.logical_not), "not x", public=False),
        # Both have limits at x = 0 that the textbook products 0 * inf and 0 / 0 would miss.
        Operation("power_slope", 2, _power_slope, "derivative of x ** y in x", public=False),
        Operation("power_log", 2, _power_log, "derivative of x ** y in y: x ** y * log(x)", public=False),
    )
    return {operation.name: operation for operation in public + signs}


OPERATIONS: dict[str, Operation] = _catalogue()
"""Every operation by name."""

ALIASES: dict[str, str] = {
    "ln": "log",
    "min": "minimum",
    "max": "maximum",
    "asinh": "arcsinh",
    "atan": "arctan",
}
"""Other spellings that people use."""

FUNCTIONS: tuple[str, ...] = (*(name for name, operation in OPERATIONS.items() if operation.public), "clip")
"""Functions that a formula may call by name."""


def evaluate_node(
    node: Node, values: dict[str, Array], functions: dict[str, Callable[..., Any]], known: dict[int, Any]
) -> Any:
    """Evaluate a tree over numpy arrays; `known` shares what occurs more than once (by identity)."""
    if isinstance(node, Number):
        return np.float64(node.value)
    if isinstance(node, Name):
        return values[node.name]
    key = id(node)
    if key not in known:
        operands = [evaluate_node(operand, values, functions, known) for operand in node.operands]
        if isinstance(node, Call):
            known[key] = OPERATIONS[node.operation].compute(*operands)
        else:
            known[key] = np.asarray(functions[node.function](*operands), dtype=np.float64)
    return known[key]
