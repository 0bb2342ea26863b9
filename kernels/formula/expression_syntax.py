"""From text to a checked tree: the white list of the formula language, and how it says no.

Text is checked for length, characters and nesting before Python's own parser sees it, because that parser
spends unbounded time and memory on hostile text. Nothing is ever compiled or evaluated as Python.
"""

import ast
import math
import unicodedata
import warnings
from collections.abc import Collection, Mapping

import numpy as np

from kernels.formula.expression_nodes import (
    ALIASES,
    FUNCTIONS,
    OPERATIONS,
    Call,
    CallerCall,
    Name,
    Node,
    Number,
)
from kernels.formula.near_names import nearest_name

MAX_LENGTH = 2000
"""Characters in a formula."""
MAX_PARENTHESES = 40
"""Parentheses inside one another."""
MAX_DEPTH = 100
"""Operations inside one another; a sum of 100 terms is also 100 deep."""

type Arity = int | tuple[int, int]

_HINTS = {
    "^": "write a power as x ** y",
    "[": "subscripts are not part of the formula language; lag(x, n) and the like are given as functions",
    "{": "only round parentheses are part of the formula language",
    "'": "text is not part of the formula language",
    '"': "text is not part of the formula language",
    ":": "neither lambda, := nor slices are part of the formula language",
    "&": "write 'and' between conditions",
    "|": "write 'or' between conditions",
    "~": "write 'not' before a condition",
    "%": "write a percentage as a number divided by 100",
    ";": "a formula is one expression",
    "#": "comments are not part of the formula language",
    "\\": "a formula may run over several lines without a mark at their ends",
}
_PUNCTUATION = frozenset("+-*/().,<>=! ")
_BINARY: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_COMPARISON: dict[type, tuple[str, bool]] = {  # operation, and whether its operands change places
    ast.Lt: ("less", False),
    ast.LtE: ("less_equal", False),
    ast.Gt: ("less", True),
    ast.GtE: ("less_equal", True),
    ast.Eq: ("equal", False),
    ast.NotEq: ("not_equal", False),
}
_REFUSED = {
    ast.Attribute: "a dot between names (attribute access)",
    ast.IfExp: "'a if condition else b' (write where(condition, a, b))",
    ast.Tuple: "a comma outside the parentheses of a function",
    ast.GeneratorExp: "a loop",
    ast.Starred: "a starred argument",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.Lambda: "lambda",
}


class ExpressionError(ValueError):
    """A formula that is refused.

    Attributes
    ----------
    text : str
        The formula, shortened when long.
    position : int or None
        Where the trouble starts: the number of the character, from 1.
    """

    def __init__(self, reason: str, text: str = "", position: int | None = None) -> None:
        self.text = text if len(text) <= 80 else text[:77] + "..."
        self.position = position
        self.reason = reason
        where = "" if position is None else f" at character {position}"
        super().__init__(f"Formula {self.text!r}{where}: {reason}.")

    def __reduce__(self) -> tuple[type, tuple[str, str, int | None]]:
        return type(self), (self.reason, self.text, self.position)


def parse_tree(text: str, names: Collection[str] | None, functions: Mapping[str, Arity]) -> Node:
    """Check a formula and give its tree.

    Parameters
    ----------
    text : str
        The formula.
    names : collection of str or None
        Names it may use; None for any.
    functions : mapping of str to int or (int, int)
        Functions of the caller with their number of arguments, or the fewest and the most.

    Raises
    ------
    ExpressionError
        For anything outside the white list, with the place.
    """
    plain = _check_text(text)
    start = len(plain) - len(plain.lstrip(" "))
    body = plain.strip(" ")
    if not body:
        raise ExpressionError("it is empty; expected something like 'k * log1p(u / h)'", plain)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(body, mode="eval").body
    except SyntaxError as error:
        position = start + error.offset if error.offset else None
        raise ExpressionError(f"it is not a formula ({error.msg})", plain, position) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("it is nested too deeply or is not a formula", plain) from None
    return _Builder(plain, body, start, names, functions).build(tree, 1)


def _check_text(text: str) -> str:
    """Refuse what must not reach Python's parser; give the text with line ends and tabs as blanks."""
    if not isinstance(text, str):
        raise ExpressionError(f"expected text, got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"it has {len(text)} characters; at most {MAX_LENGTH} are allowed", text[:80])
    plain = "".join(" " if character in "\t\r\n" else character for character in text)
    depth = 0
    for position, character in enumerate(plain, start=1):
        if not _allowed(character):
            shown = character if character.isprintable() else f"U+{ord(character):04X}"
            hint = _HINTS.get(character, "letters, digits, _ and + - * / ** ( ) , . < > = ! are allowed")
            raise ExpressionError(f"the character {shown} is not allowed; {hint}", plain, position)
        depth += (character == "(") - (character == ")")
        if depth > MAX_PARENTHESES:
            reason = f"more than {MAX_PARENTHESES} parentheses are open at once"
            raise ExpressionError(reason, plain, position)
    return plain


def _allowed(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_" or character in _PUNCTUATION
    # Python's parser would silently rewrite look-alikes such as full-width letters; only what it keeps
    # passes.
    return character.isalpha() and unicodedata.normalize("NFKC", character) == character


class _Builder:
    """Turn Python's syntax tree into ours, refusing every kind of node that is not on the list."""

    def __init__(
        self, plain: str, body: str, start: int, names: Collection[str] | None, functions: Mapping[str, Arity]
    ) -> None:
        self.plain, self.start = plain, start
        self.encoded = body.encode()
        self.names, self.functions = names, functions

    def refuse(self, reason: str, node: ast.expr) -> ExpressionError:
        before = self.encoded[: node.col_offset].decode()  # Python counts bytes, people count characters
        return ExpressionError(reason, self.plain, self.start + len(before) + 1)

    def build(self, node: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.refuse(
                f"more than {MAX_DEPTH} operations are nested or chained; split the formula", node
            )
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.BinOp() if type(node.op) in _BINARY:
                operands = self.build(node.left, depth + 1), self.build(node.right, depth + 1)
                return self.fold(Call(_BINARY[type(node.op)], operands), node)
            case ast.UnaryOp():
                return self.unary(node, depth)
            case ast.Compare():
                return self.comparison(node, depth)
            case ast.BoolOp():
                operation = "both" if isinstance(node.op, ast.And) else "either"
                return self.chain(operation, [self.build(value, depth + 1) for value in node.values], node)
            case ast.Call():
                return self.call(node, depth)
        what = _REFUSED.get(type(node), f"this construct ({type(node).__name__})")
        if isinstance(node, ast.BinOp):
            what = f"the operator {type(node.op).__name__}"
        raise self.refuse(f"{what} is not part of the formula language", node)

    def number(self, node: ast.Constant) -> Node:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"{type(value).__name__} constants are not part of the formula language", node)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.refuse("the number is too large; numbers reach up to 1.8e308", node)
        return Number(number)

    def name(self, node: ast.Name) -> Node:
        name = node.id
        if self.names is None or name in self.names:
            return Name(name)
        if name == "pi":
            return Number(math.pi)
        if name in FUNCTIONS or name in ALIASES or name in self.functions:
            raise self.refuse(f"{name} is a function; write {name}(...)", node)
        raise self.refuse(_unknown("name", name, self.names), node)

    def unary(self, node: ast.UnaryOp, depth: int) -> Node:
        operand = self.build(node.operand, depth + 1)
        if isinstance(node.op, ast.UAdd):
            return operand
        if isinstance(node.op, ast.Invert):
            raise self.refuse("write 'not' before a condition", node)
        return self.fold(Call("negation" if isinstance(node.op, ast.Not) else "negative", (operand,)), node)

    def comparison(self, node: ast.Compare, depth: int) -> Node:
        operands = [self.build(operand, depth + 1) for operand in (node.left, *node.comparators)]
        links: list[Node] = []
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            if type(operator) not in _COMPARISON:
                raise self.refuse("only < <= > >= == and != compare", node)
            operation, swap = _COMPARISON[type(operator)]
            links.append(self.fold(Call(operation, (right, left) if swap else (left, right)), node))
        return self.chain("both", links, node)

    def chain(self, operation: str, operands: list[Node], node: ast.expr) -> Node:
        result = operands[0]
        for operand in operands[1:]:
            result = self.fold(Call(operation, (result, operand)), node)
        return result

    def call(self, node: ast.Call, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            raise self.refuse("only functions called by a plain name are part of the formula language", node)
        called = node.func.id
        name = called if called in self.functions else ALIASES.get(called, called)
        if name not in self.functions and name not in FUNCTIONS:
            raise self.refuse(_unknown("function", called, (*FUNCTIONS, *self.functions)), node)
        if node.keywords:
            raise self.refuse(f"{called} takes its arguments by position, without name=value", node)
        self.check_count(called, name, node)
        operands = tuple(self.build(argument, depth + 1) for argument in node.args)
        if name in self.functions:
            return CallerCall(name, operands)
        if name == "clip":
            value, lower, upper = operands
            return self.fold(Call("minimum", (self.fold(Call("maximum", (value, lower)), node), upper)), node)
        if name in ("minimum", "maximum"):
            return self.chain(name, list(operands), node)
        return self.fold(Call(name, operands), node)

    def check_count(self, called: str, name: str, node: ast.Call) -> None:
        if name in self.functions:
            arity = self.functions[name]
            least, most = (arity, arity) if isinstance(arity, int) else arity
        elif name in ("minimum", "maximum"):
            least, most = 2, MAX_DEPTH // 2
        else:
            least = most = 3 if name == "clip" else OPERATIONS[name].arity
        if not least <= len(node.args) <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            raise self.refuse(f"{called} takes {expected} arguments, got {len(node.args)}", node)

    def fold(self, call: Call, node: ast.expr) -> Node:
        """Compute constants now, in float64: 9**9**9 overflows at once instead of running for years."""
        constants = [operand.value for operand in call.operands if isinstance(operand, Number)]
        if len(constants) < len(call.operands):
            return call
        with np.errstate(all="ignore"):
            value = float(
                OPERATIONS[call.operation].compute(*(np.float64(constant) for constant in constants))
            )
        if not math.isfinite(value):
            raise self.refuse("this constant is not a finite number", node)
        return Number(value)


def _unknown(kind: str, name: str, valid: Collection[str]) -> str:
    nearest = nearest_name(name, valid)
    hint = "" if nearest is None else f"did you mean {nearest!r}? "
    listed = ", ".join(sorted(valid)[:40]) + (", ..." if len(valid) > 40 else "")
    return (
        f"unknown {kind} {name!r}; {hint}Known: {listed}"
        if valid
        else f"unknown {kind} {name!r}; none are known"
    )
