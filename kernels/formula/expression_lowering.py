"""From trees to a program: sharing what occurs twice, splitting off what depends on parameters only."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from kernels.formula import instructions as op
from kernels.formula.expression_nodes import OPERATIONS, Call, Name, Node, Number
from kernels.formula.program import MAX_PARAMETERS, Program

_PLAIN = {  # operations that are one instruction of the same name
    name: getattr(op, name.upper())
    for name in (
        *("add", "subtract", "multiply", "divide", "negative", "exp", "expm1", "log", "log1p", "sqrt"),
        *("tanh", "sinh", "cosh", "arcsinh", "sin", "cos", "arctan", "erf", "logistic", "abs", "sign"),
        *("floor", "ceil", "minimum", "maximum", "less", "less_equal", "equal", "not_equal"),
        *("both", "either", "negation", "where"),
    )
}
# Instructions for (vector, scalar) and (scalar, vector) operands; others have their scalars filled into
# registers.
_VECTOR_SCALAR = {
    op.ADD: op.ADD_VS,
    op.SUBTRACT: op.SUBTRACT_VS,
    op.MULTIPLY: op.MULTIPLY_VS,
    op.DIVIDE: op.DIVIDE_VS,
    op.POWER: op.POWER_VS,
    op.POWER_SLOPE: op.POWER_SLOPE_VS,
}
_SCALAR_VECTOR = {op.SUBTRACT: op.SUBTRACT_SV, op.DIVIDE: op.DIVIDE_SV}
_COMMUTES = (op.ADD, op.MULTIPLY)
_LONGEST_POWER = 16


@dataclass(slots=True)
class _Value:
    """One distinct subexpression: operation (or -1), operands, whether it varies with the effort."""

    operation: int
    operands: tuple[int, ...]
    varies: bool
    constant: float | None = None
    mask: int = 0


@dataclass(slots=True)
class _Graph:
    """Distinct subexpressions in an order in which they can be computed; 0 is the effort."""

    values: list[_Value] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)

    def add(self, key: Any, value: _Value) -> int:
        if key not in self.known:
            self.known[key] = len(self.values)
            self.values.append(value)
        return self.known[key]

    def constant(self, number: float) -> int:
        return self.add(("number", number, math.copysign(1.0, number)), _Value(-1, (), False, number))

    def call(self, operation: int, *operands: int) -> int:
        if operation in _COMMUTES:
            operands = tuple(sorted(operands))
        if operation == op.MULTIPLY:  # x * 1 arises in derivatives
            kept = tuple(k for k in operands if self.values[k].constant != 1.0)
            if len(kept) < 2:
                return kept[0] if kept else operands[0]
        if operation == op.NEGATIVE and self.values[operands[0]].operation == op.NEGATIVE:
            return self.values[operands[0]].operands[0]
        varies = any(self.values[k].varies for k in operands)
        return self.add((operation, operands), _Value(operation, operands, varies))


def lower(text: str, variable: str, parameters: tuple[str, ...], roots: tuple[Node, ...]) -> Program:
    """Translate the trees of value, derivatives in parameters, and derivative in the effort.

    Parameters
    ----------
    text : str
        The formula.
    variable : str
        Name of the effort.
    parameters : tuple of str
        Names of the parameters.
    roots : tuple of Node
        ``2 + len(parameters)`` trees.
    """
    if len(parameters) > MAX_PARAMETERS:
        raise ValueError(f"A curve has at most {MAX_PARAMETERS} parameters, got {len(parameters)}: {text!r}.")
    graph = _Graph()
    graph.add(("name", variable), _Value(-1, (), True))
    for name in parameters:
        graph.add(("name", name), _Value(-1, (), False))
    known: dict[int, int] = {}
    results = [_number(root, graph, known) for root in roots]
    for bit, result in enumerate(results):
        _mark(graph, result, 1 << bit)
    return _Assembler(graph, len(parameters)).assemble(text, variable, parameters, results)


def _number(node: Node, graph: _Graph, known: dict[int, int]) -> int:
    """Give a tree its number in the graph."""
    if id(node) not in known:
        if isinstance(node, Number):
            known[id(node)] = graph.constant(node.value)
        elif isinstance(node, Name):
            known[id(node)] = graph.known["name", node.name]
        elif isinstance(node, Call):
            operands = [_number(operand, graph, known) for operand in node.operands]
            known[id(node)] = _call(node.operation, operands, graph)
        else:
            raise TypeError(f"A function of the caller cannot be part of a program: {node}.")
    return known[id(node)]


def _call(operation: str, operands: list[int], graph: _Graph) -> int:
    constants = [graph.values[k].constant for k in operands]
    if all(constant is not None for constant in constants):
        with np.errstate(all="ignore"):
            return graph.constant(float(OPERATIONS[operation].compute(*(np.float64(c) for c in constants))))
    if operation in _PLAIN:
        return graph.call(_PLAIN[operation], *operands)
    x = operands[0]
    match operation:
        case "log2" | "log10":
            base = math.log(2.0 if operation == "log2" else 10.0)
            return graph.call(op.DIVIDE, graph.call(op.LOG, x), graph.constant(base))
        case "isnan":
            return graph.call(op.NOT_EQUAL, x, x)
        case "power":
            return _power(x, operands[1], graph)
        case "power_slope":
            return graph.call(op.POWER_SLOPE, x, operands[1], _power(x, operands[1], graph))
        case "power_log":
            return graph.call(op.SPARE_PRODUCT, _power(x, operands[1], graph), graph.call(op.LOG, x))
    raise ValueError(f"No instruction for the operation {operation!r}.")


def _power(x: int, exponent: int, graph: _Graph) -> int:
    """Small whole powers are products and half powers roots; these also take negative x and x = 0 exactly."""
    constant = graph.values[exponent].constant
    if constant is not None and constant == round(constant) and 1 <= abs(constant) <= _LONGEST_POWER:
        product = _whole_power(x, int(abs(constant)), graph)
        return product if constant > 0 else graph.call(op.DIVIDE, graph.constant(1.0), product)
    if constant == 0.5:
        return graph.call(op.SQRT, x)
    base = graph.values[x].constant
    logarithm = graph.call(op.LOG, x) if base is None or base <= 0 else graph.constant(math.log(base))
    return graph.call(op.POWER, x, exponent, logarithm)


def _whole_power(x: int, exponent: int, graph: _Graph) -> int:
    if exponent == 1:
        return x
    half = _whole_power(x, exponent // 2, graph)
    square = graph.call(op.MULTIPLY, half, half)
    return graph.call(op.MULTIPLY, square, x) if exponent % 2 else square


def _mark(graph: _Graph, result: int, bit: int) -> None:
    stack = [result]
    while stack:
        value = graph.values[stack.pop()]
        if not value.mask & bit:
            value.mask |= bit
            stack.extend(value.operands)


class _Place(NamedTuple):
    """An operand: a scalar by its place, or a value of the graph that is in some register."""

    scalar: bool
    at: int


class _Step(NamedTuple):
    """An instruction before registers are assigned; `target` is a value or, to store, an output."""

    operation: int
    target: int
    operands: list[_Place]
    mask: int


class _Assembler:
    """Assign scalars and registers, and write instructions."""

    def __init__(self, graph: _Graph, n_parameters: int) -> None:
        self.graph = graph
        constants = [k for k, value in enumerate(graph.values) if value.constant is not None]
        self.constants = np.array([graph.values[k].constant for k in constants], dtype=np.float64)
        self.scalar = {k: index for index, k in enumerate(constants)}
        for parameter in range(n_parameters):
            self.scalar[1 + parameter] = len(self.scalar)
        self.scalar_code: list[tuple[int, ...]] = []

    def assemble(self, text: str, variable: str, parameters: tuple[str, ...], results: list[int]) -> Program:
        for k, value in enumerate(self.graph.values):
            if value.operation >= 0 and not value.varies and value.mask:
                self._emit_scalar(k, value)
        steps = self._schedule(results)
        code, n_registers = self._allocate(steps)
        return Program(
            *(text, variable, parameters, self.constants),
            _code(self.scalar_code),
            _code(code),
            *(len(self.scalar), n_registers),
        )

    def _emit_scalar(self, k: int, value: _Value) -> None:
        operands = [self.scalar[operand] for operand in value.operands]
        self.scalar[k] = len(self.scalar)
        padded = (*operands, *(0,) * (3 - len(operands)))
        self.scalar_code.append((value.operation, self.scalar[k], *padded, value.mask))

    def _schedule(self, results: list[int]) -> list[_Step]:
        """List the steps over the effort, each where it is first needed."""
        steps: list[_Step] = []
        done = {0}

        def need(k: int) -> None:
            value = self.graph.values[k]
            if k in done or not value.varies:
                return
            for operand in value.operands:
                need(operand)
            done.add(k)
            steps.append(self._step(k, value, steps, done))

        for output, result in enumerate(results):
            need(result)
            register = result if self.graph.values[result].varies else self._fill(result, steps, done)
            steps.append(_Step(op.STORE, output, [_Place(False, register)], 1 << output))
        return steps

    def _step(self, k: int, value: _Value, steps: list[_Step], done: set[int]) -> _Step:
        """Choose the form of an instruction by which operands are scalars; fill those that no form takes."""
        operands = list(value.operands)
        varies = [self.graph.values[operand].varies for operand in operands]
        if value.operation in _COMMUTES and varies == [False, True]:
            operands, varies = operands[::-1], [True, False]
        forms: dict[int, int] = {}
        if len(varies) > 1 and varies[0] and not varies[1] and all(varies[2:]):
            forms = _VECTOR_SCALAR
        elif varies == [False, True]:
            forms = _SCALAR_VECTOR
        places: list[_Place] = []
        for operand, vector in zip(operands, varies, strict=True):
            if vector:
                places.append(_Place(False, operand))
            elif value.operation in forms:
                places.append(_Place(True, self.scalar[operand]))
            else:
                places.append(_Place(False, self._fill(operand, steps, done)))
        return _Step(forms.get(value.operation, value.operation), k, places, value.mask)

    def _fill(self, scalar: int, steps: list[_Step], done: set[int]) -> int:
        copy = -1 - scalar  # the name of a scalar's copy in a register
        if copy not in done:
            done.add(copy)
            place = _Place(True, self.scalar[scalar])
            steps.append(_Step(op.FILL, copy, [place], self.graph.values[scalar].mask))
        return copy

    def _allocate(self, steps: list[_Step]) -> tuple[list[tuple[int, ...]], int]:
        """Give each value a register for as long as it is needed; never the register of an operand."""
        last_use = {p.at: i for i, step in enumerate(steps) for p in step.operands if not p.scalar}
        register = {0: 0}
        free: list[int] = []
        n_registers = 1
        code: list[tuple[int, ...]] = []
        for i, step in enumerate(steps):
            out = step.target
            if step.operation != op.STORE:
                if not free:
                    free.append(n_registers)
                    n_registers += 1
                out = register[step.target] = free.pop()
            places = [p.at if p.scalar else register[p.at] for p in step.operands]
            code.append((step.operation, out, *places, *(0,) * (3 - len(places)), step.mask))
            ended = {p.at for p in step.operands if not p.scalar and last_use[p.at] == i} - {0}
            free.extend(register.pop(value) for value in sorted(ended))
        return code, n_registers


def _code(instructions: list[tuple[int, ...]]) -> Any:
    return np.array(instructions, dtype=np.int64).reshape(-1, 6)
