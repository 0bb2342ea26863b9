"""Derivatives of formulas by sympy.

sympy never sees text: its trees are built from the checked tree, and every operation but + - * / is a
function class of ours. So sympy cannot differentiate ``u**n`` into ``n * u**n / u`` (nan at u = 0) or compute
giant powers, and ``where`` selects between derivatives instead of multiplying the other one by zero (which
would let its nan through).
"""

import math
from functools import cache
from itertools import zip_longest
from typing import Any

import sympy

from kernels.formula.expression_nodes import OPERATIONS, Call, Name, Node, Number
from kernels.formula.expression_syntax import ExpressionError

_MAX_EXPANDED_TERMS = 48
_MAX_OPERATIONS = 6000
_MAX_OPERATIONS_TO_SIMPLIFY = 80
_MAX_OPERATIONS_OF_CURVE = 300
_MAX_DEPTH = 24


def differentiate(
    root: Node, names: tuple[str, ...], text: str, variable: str | None = None
) -> tuple[Node, ...]:
    """Differentiate a tree with respect to each of some names.

    Parameters
    ----------
    root : Node
        The tree.
    names : tuple of str
        What to differentiate with respect to.
    text : str
        The formula, for errors.
    variable : str, optional
        Factors and terms without this name are gathered, so that they can be computed once a call.

    Raises
    ------
    ExpressionError
        When the derivative does not exist anywhere or is unreasonably large.
    """
    try:
        tree = _to_sympy(root)
        if tree.has(sympy.zoo, sympy.nan, sympy.oo):
            raise _NotFiniteError
        if _depth(tree) > _MAX_DEPTH:
            raise RecursionError
        if tree.count_ops() > _MAX_OPERATIONS_OF_CURVE:
            raise ExpressionError(f"it has more than {_MAX_OPERATIONS_OF_CURVE} operations", text)
        slopes = [_simpler(tree.diff(_symbol(name))) for name in names]
        if sum(int(slope.count_ops()) for slope in slopes) > _MAX_OPERATIONS:
            raise ExpressionError("its derivatives are too large; write a simpler formula", text)
        writer = _Writer(variable)
        return tuple(writer.write(slope) for slope in slopes)
    except RecursionError:
        raise ExpressionError(
            "it is nested too deeply to be differentiated; write a simpler formula", text
        ) from None
    except (OverflowError, ZeroDivisionError, _NotFiniteError):
        raise ExpressionError("its derivative is not finite anywhere (a division by zero?)", text) from None


class _NotFiniteError(ArithmeticError):
    """sympy found a division by zero or a number beyond float64."""


@cache
def _symbol(name: str) -> Any:
    return sympy.Symbol(name, real=True)


class _Operation(sympy.Function):  # type: ignore[misc]
    """An operation that sympy knows nothing about but its derivative."""

    operation = ""
    is_commutative = True  # sympy would ask every operand, again and again

    def _eval_derivative(self, symbol: Any) -> Any:
        rule = _SELECTIONS.get(self.operation)
        if rule is not None:
            return rule(self.args, tuple(operand.diff(symbol) for operand in self.args))
        partials = _PARTIALS.get(self.operation)
        total = sympy.S.Zero
        if partials is None:  # comparisons and steps: flat wherever they are differentiable
            return total
        for index, operand in enumerate(self.args):
            slope = operand.diff(symbol)
            if slope != 0:
                total += partials[index](*self.args) * slope
        return total


@cache
def _class(operation: str) -> Any:
    attributes = {"operation": operation, "nargs": OPERATIONS[operation].arity}
    return type(f"beed_{operation}", (_Operation,), attributes)


def _call(operation: str, *operands: Any) -> Any:
    return _class(operation)(*operands)


def _power(x: Any, exponent: Any) -> Any:
    if exponent == 0:
        return sympy.S.One
    return x if exponent == 1 else _call("power", x, exponent)


def _power_slope(x: Any, exponent: Any) -> Any:
    if exponent.is_Integer:
        return exponent * _power(x, exponent - 1)
    return _call("power_slope", x, exponent)


def _select(condition: Any, yes: Any, no: Any) -> Any:
    return yes if yes == no else _call("where", condition, yes, no)


_ONE = sympy.S.One
# Partial derivatives in each operand, by operation.
_PARTIALS: dict[str, tuple[Any, ...]] = {
    "exp": (lambda x: _call("exp", x),),
    "expm1": (lambda x: _call("exp", x),),
    "log": (lambda x: _ONE / x,),
    "log1p": (lambda x: _ONE / (1 + x),),
    "log2": (lambda x: _ONE / (x * _call("log", sympy.Integer(2))),),
    "log10": (lambda x: _ONE / (x * _call("log", sympy.Integer(10))),),
    "sqrt": (lambda x: _ONE / (2 * _call("sqrt", x)),),
    "tanh": (lambda x: _ONE / _call("cosh", x) ** 2,),
    "sinh": (lambda x: _call("cosh", x),),
    "cosh": (lambda x: _call("sinh", x),),
    "arcsinh": (lambda x: _ONE / _call("sqrt", 1 + x * x),),
    "sin": (lambda x: _call("cos", x),),
    "cos": (lambda x: -_call("sin", x),),
    "arctan": (lambda x: _ONE / (1 + x * x),),
    "erf": (lambda x: sympy.Rational(2.0 / math.sqrt(math.pi)) * _call("exp", -x * x),),
    "logistic": (lambda x: _call("logistic", x) * _call("logistic", -x),),
    "abs": (lambda x: _call("sign", x),),
    "power": (_power_slope, lambda x, n: _call("power_log", x, n)),
    "power_slope": (
        lambda x, n: n * _power_slope(x, n - 1),
        lambda x, n: _power(x, n - 1) + n * _call("power_log", x, n - 1),
    ),
    "power_log": (
        lambda x, n: _call("power_log", x, n - 1) * n + _power(x, n - 1),
        lambda x, n: _call("power_log", x, n) * _call("log", x),
    ),
}
# Operations that select: (operands, their derivatives) -> derivative.
_SELECTIONS: dict[str, Any] = {
    "where": lambda x, d: _select(x[0], d[1], d[2]),
    "minimum": lambda x, d: _select(_call("less_equal", x[0], x[1]), d[0], d[1]),
    "maximum": lambda x, d: _select(_call("less_equal", x[1], x[0]), d[0], d[1]),
}


def _to_sympy(node: Node) -> Any:
    if isinstance(node, Number):
        return sympy.Rational(node.value)  # exact, so that nothing depends on the order of sums
    if isinstance(node, Name):
        return _symbol(node.name)
    if not isinstance(node, Call):
        raise TypeError(f"functions of the caller have no derivative: {node}")
    operands = [_to_sympy(operand) for operand in node.operands]
    match node.operation:
        case "add":
            return operands[0] + operands[1]
        case "subtract":
            return operands[0] - operands[1]
        case "multiply":
            return operands[0] * operands[1]
        case "divide":
            return operands[0] / operands[1]
        case "negative":
            return -operands[0]
        case "power":
            return _power(*operands)
    return _call(node.operation, *operands)


def _depth(tree: Any) -> int:
    """Operations inside one another, where a sum or a product of many counts once."""
    deepest, level = 0, {tree}
    while level:
        deepest += 1
        level = {operand for parent in level for operand in parent.args}
        if deepest > _MAX_DEPTH:
            break
    return deepest


def _simpler(slope: Any) -> Any:
    """Put a small derivative over one denominator when that makes it shorter.

    Quotients cancel: ``1/(h+u) - u/(h+u)**2`` loses digits for large u where ``h/(h+u)**2`` does not.
    """
    if slope.count_ops() > _MAX_OPERATIONS_TO_SIMPLIFY or _expanded_terms(slope) > _MAX_EXPANDED_TERMS:
        return slope
    candidate = sympy.factor(slope)
    return candidate if candidate.count_ops() < slope.count_ops() else slope


def _expanded_terms(tree: Any) -> int:
    """Bound the number of terms that multiplying out would make (numerator over one denominator)."""
    if tree.is_Add:
        denominators = 1
        for factor in (factor for term in tree.args for factor in sympy.Mul.make_args(term)):
            if factor.is_Pow and factor.exp.is_negative:
                denominators = min(denominators * _expanded_terms(factor), 10**6)
        return min(sum(_expanded_terms(term) for term in tree.args) * denominators, 10**6)
    if tree.is_Mul:
        product = 1
        for factor in tree.args:
            product = min(product * _expanded_terms(factor), 10**6)
        return product
    if tree.is_Pow:
        return int(min(_expanded_terms(tree.base) ** min(abs(int(tree.exp)), 20), 10**6))
    return 1


class _Writer:
    """From sympy's tree back to ours; what occurs twice becomes one object."""

    def __init__(self, variable: str | None) -> None:
        self.variable = None if variable is None else _symbol(variable)
        self.known: dict[Any, Node] = {}
        self.reciprocals: dict[Any, Node] = {}

    def write(self, tree: Any) -> Node:
        if tree not in self.known:
            self.known[tree] = self._write(tree)
        return self.known[tree]

    def _write(self, tree: Any) -> Node:
        if tree.is_Rational:
            return Number(tree.p / tree.q)
        if tree.is_Symbol:
            return Name(tree.name)
        if tree.is_Add:
            return self._sum(tree)
        if tree.is_Mul or tree.is_Pow:
            return self._product(tree)
        if isinstance(tree, _Operation):
            return Call(tree.operation, tuple(self.write(operand) for operand in tree.args))
        raise _NotFiniteError

    def _varies(self, tree: Any) -> bool:
        return self.variable is None or tree.has(self.variable)

    def _sum(self, tree: Any) -> Node:
        result: Node | None = None
        for term in sorted(tree.args, key=lambda term: (self._varies(term), _is_negative(term))):
            if result is None:
                result = self.write(term)
            elif _is_negative(term):
                result = Call("subtract", (result, self.write(-term)))
            else:
                result = Call("add", (result, self.write(term)))
        assert result is not None
        return result

    def _product(self, tree: Any) -> Node:
        """Multiply what does not vary first; and by reciprocals in turn, so that no side overflows alone."""
        coefficient, rest = tree.as_coeff_Mul()
        ordered: list[Node] = []
        if abs(coefficient) != 1:
            ordered.append(Number(coefficient.p / coefficient.q))
        factors = sympy.Mul.make_args(rest)
        for varying in (False, True):
            above: list[Node] = []
            below: list[Node] = []
            for factor in factors:
                if self._varies(factor) == varying:
                    self._collect(factor, above, below)
            turns = (below, above) if ordered else (above, below)
            ordered += [node for pair in zip_longest(*turns) for node in pair if node is not None]
        result = ordered[0]
        for node in ordered[1:]:
            result = Call("multiply", (result, node))
        return Call("negative", (result,)) if coefficient == -1 else result

    def _collect(self, factor: Any, above: list[Node], below: list[Node]) -> None:
        base, exponent = (factor.base, factor.exp) if factor.is_Pow else (factor, _ONE)
        if not exponent.is_Integer:
            raise _NotFiniteError
        node = self.write(base)
        if exponent > 0:
            above += [node] * int(exponent)
            return
        if base not in self.reciprocals:
            self.reciprocals[base] = Call("divide", (Number(1.0), node))
        below += [self.reciprocals[base]] * -int(exponent)


def _is_negative(tree: Any) -> bool:
    return bool(tree.as_coeff_Mul()[0] < 0)
