"""Formulas that users write: curves of f (``"k * log1p(u / h)"``) and efforts (``"promotion / sales"``).

The language is a white list: numbers, names, ``+ - * / **``, comparisons, ``and or not``,
``where(condition, a, b)`` and the functions of `kernels.formula.expression_nodes.FUNCTIONS`. A formula is
checked into a tree; nothing is ever evaluated as Python. Conditions are 1 where they hold and 0 where not; a
comparison with a missing value does not hold.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kernels.formula.expression_nodes import Array, Call, CallerCall, Name, Node, evaluate_node
from kernels.formula.expression_syntax import Arity, ExpressionError, parse_tree

if TYPE_CHECKING:
    from kernels.formula.program import Program

__all__ = ["Expression", "ExpressionError", "compile_curve", "names_in", "parse"]


@dataclass(frozen=True)
class Expression:
    """A checked formula.

    Attributes
    ----------
    text : str
        As written; for a derivative, what it is the derivative of.
    names : tuple of str
        Columns, efforts and parameters it uses, in order of first appearance.
    functions : tuple of str
        Functions of the caller that it uses.
    root : Node
        The tree (decided by `text`, so not compared).
    """

    text: str
    names: tuple[str, ...]
    functions: tuple[str, ...]
    root: Node = field(compare=False, repr=False)

    def evaluate(
        self,
        values: Mapping[str, npt.ArrayLike],
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Array:
        """Evaluate over arrays.

        Parameters
        ----------
        values : mapping of str to array_like
            One array (or number) for each name used; shapes broadcast.
        functions : mapping of str to callable, optional
            The functions of the caller; each takes float64 arrays (numbers written in the formula come as
            float) and gives an array.

        Returns
        -------
        ndarray of float64
            The value. Outside a function's domain it is nan or infinite, without warning: ask
            `numpy.isfinite`.

        Raises
        ------
        ExpressionError
            When a name or function that the formula uses is not given.
        """
        given = dict(functions or {})
        for kind, needed, have in (("name", self.names, values), ("function", self.functions, given)):
            missing = [name for name in needed if name not in have]
            if missing:
                listed = ", ".join(sorted(have)) or "none"
                reason = f"no value was given for the {kind} {missing[0]!r}; given: {listed}"
                raise ExpressionError(reason, self.text)
        arrays = {name: np.asarray(values[name], dtype=np.float64) for name in self.names}
        with np.errstate(all="ignore"):
            return np.asarray(evaluate_node(self.root, arrays, given, {}), dtype=np.float64)

    def gradient(self, name: str) -> "Expression":
        """Give the derivative with respect to one name, as an expression that evaluates in the same way.

        The derivative of a comparison is 0; those of ``abs``, ``minimum``, ``maximum`` and ``where`` are
        taken piece by piece, and a piece that is not selected has no influence.

        Raises
        ------
        ExpressionError
            When the formula calls a function of the caller, whose derivative nobody knows.
        """
        _no_caller_functions(self, "differentiated")
        from kernels.formula.expression_derivative import differentiate

        root = differentiate(self.root, (name,), self.text)[0]
        names, _ = _used(root)
        return Expression(f"d({self.text})/d({name})", names, (), root)


def parse(
    text: str, names: Collection[str] | None = None, *, functions: Mapping[str, Arity] | None = None
) -> Expression:
    """Check a formula.

    Parameters
    ----------
    text : str
        The formula, at most 2,000 characters.
    names : collection of str, optional
        Names that it may use; any when not given.
    functions : mapping of str to int or (int, int), optional
        Further functions with their number of arguments, or the fewest and the most
        (``{"market_mean": 1, "lag": (1, 2)}``). `Expression.evaluate` is given the functions themselves.

    Returns
    -------
    Expression

    Raises
    ------
    ExpressionError
        For anything outside the language: a sentence with the place and, for unknown names, the nearest known
        one.
    """
    root = parse_tree(text, names, functions or {})
    used, called = _used(root)
    return Expression(text, used, called, root)


def names_in(text: str, *, functions: Mapping[str, Arity] | None = None) -> tuple[str, ...]:
    """Give the names that a formula uses, in order of first appearance."""
    return parse(text, functions=functions).names


def compile_curve(expression: Expression, variable: str = "u", parameters: tuple[str, ...] = ()) -> "Program":
    """Compile a curve g(u; parameters) to a program that gives g, dg/d parameter and dg/du.

    The program is data, run by one interpreter that is compiled once for all formulas. It is kept in memory,
    and on disk for later processes (see `kernels.formula.expression_cache`).

    Parameters
    ----------
    expression : Expression
        The curve.
    variable : str
        Name of the effort in it.
    parameters : tuple of str
        Names of the parameters, in the order of the gradient's rows.

    Raises
    ------
    ExpressionError
        When the formula uses other names or functions of the caller, or does not use the variable or a
        parameter.
    """
    return _compile_curve(expression, variable, tuple(parameters))


@lru_cache(maxsize=256)
def _compile_curve(expression: Expression, variable: str, parameters: tuple[str, ...]) -> "Program":
    from kernels.formula.expression_cache import load_program, store_program

    _no_caller_functions(expression, "used as a curve")
    expected = (variable, *parameters)
    for index, name in enumerate(expected):
        if name in expected[:index]:
            raise ExpressionError(f"the name {name!r} stands for two things", expression.text)
        if name not in expression.names:
            what = "variable" if index == 0 else "parameter"
            raise ExpressionError(f"it does not use its {what} {name!r}", expression.text)
    for name in expression.names:
        if name not in expected:
            reason = (
                f"{name!r} is neither the variable {variable!r} nor a parameter ({', '.join(parameters)})"
            )
            raise ExpressionError(reason, expression.text)
    program = load_program(expression.text, variable, parameters)
    if program is None:
        program = _differentiate_and_lower(expression, variable, parameters)
        store_program(program)
    return program


def _differentiate_and_lower(expression: Expression, variable: str, parameters: tuple[str, ...]) -> "Program":
    from kernels.formula.expression_derivative import differentiate
    from kernels.formula.expression_lowering import lower

    slopes = differentiate(expression.root, (*parameters, variable), expression.text, variable)
    return lower(expression.text, variable, parameters, (expression.root, *slopes))


def _no_caller_functions(expression: Expression, use: str) -> None:
    if expression.functions:
        reason = (
            f"a formula that calls {expression.functions[0]} cannot be {use}, only evaluated over columns"
        )
        raise ExpressionError(reason, expression.text)


def _used(root: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and functions of the caller, in order of first appearance."""
    names: dict[str, None] = {}
    functions: dict[str, None] = {}
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Name):
            names[node.name] = None
        elif isinstance(node, Call | CallerCall):
            if isinstance(node, CallerCall):
                functions[node.function] = None
            stack.extend(reversed(node.operands))
    return tuple(names), tuple(functions)
