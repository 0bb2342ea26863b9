"""The instructions of programs (see `kernels.program`) and the compiled code that carries them out.

Each instruction is one loop over contiguous registers, so that the compiler can use vector instructions.
"""

# mypy: disable-error-code="no-untyped-def"
import math

import numpy as np

from kernels import elementary
from kernels.jit import jit

# Operations. A suffix tells which operands are scalars: SV scalar and vector, VS vector and scalar.
(ADD, ADD_VS, SUBTRACT, SUBTRACT_VS, SUBTRACT_SV, MULTIPLY, MULTIPLY_VS, DIVIDE, DIVIDE_VS, DIVIDE_SV) = (
    range(10)
)
(NEGATIVE, EXP, EXPM1, LOG, LOG1P, SQRT, TANH, SINH, COSH, ARCSINH) = range(10, 20)
(SIN, COS, ARCTAN, ERF, LOGISTIC, ABS, SIGN, FLOOR, CEIL, NEGATION) = range(20, 30)
(MINIMUM, MAXIMUM, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, BOTH, EITHER, WHERE, FILL) = range(30, 40)
# POWER: a ** b where c = log(a). POWER_SLOPE: b * a ** (b - 1) where c = a ** b. SPARE_PRODUCT: a * b, but 0
# if a is 0.
(POWER, POWER_VS, POWER_SLOPE, POWER_SLOPE_VS, SPARE_PRODUCT, STORE, STORE_S) = range(40, 47)
SCALAR_B = (ADD_VS, SUBTRACT_VS, MULTIPLY_VS, DIVIDE_VS, POWER_VS, POWER_SLOPE_VS)
SCALAR_A = (SUBTRACT_SV, DIVIDE_SV, FILL, STORE_S)


_NORMAL = 2.2250738585072014e-308


@jit
def _log(x):
    """Natural logarithm with -inf at 0 and nan below, as numpy has it."""
    outside = np.nan if x < 0.0 else -np.inf
    return outside if x < _NORMAL else elementary.log(x)


@jit
def _log1p(x):
    outside = np.nan if x < -1.0 else -np.inf
    inside = elementary.log1p(x) if x < np.inf or x != x else np.inf
    return outside if x <= -1.0 else inside


@jit
def _arithmetic(operation, x, y, out, n):
    if operation == ADD:
        for e in range(n):
            out[e] = x[e] + y[e]
    elif operation == SUBTRACT:
        for e in range(n):
            out[e] = x[e] - y[e]
    elif operation == MULTIPLY:
        for e in range(n):
            out[e] = x[e] * y[e]
    else:
        for e in range(n):
            out[e] = x[e] / y[e]


@jit
def _arithmetic_vs(operation, x, s, out, n):
    if operation == ADD_VS:
        for e in range(n):
            out[e] = x[e] + s
    elif operation == SUBTRACT_VS:
        for e in range(n):
            out[e] = x[e] - s
    elif operation == MULTIPLY_VS:
        for e in range(n):
            out[e] = x[e] * s
    else:
        for e in range(n):
            out[e] = x[e] / s


@jit
def _arithmetic_sv(operation, s, y, out, n):
    if operation == SUBTRACT_SV:
        for e in range(n):
            out[e] = s - y[e]
    else:
        for e in range(n):
            out[e] = s / y[e]


@jit
def _elementary(operation, x, out, n):
    if operation == NEGATIVE:
        for e in range(n):
            out[e] = -x[e]
    elif operation == EXP:
        for e in range(n):
            out[e] = elementary.exp(x[e])
    elif operation == EXPM1:
        for e in range(n):
            out[e] = elementary.expm1(x[e])
    elif operation == LOG:
        for e in range(n):
            out[e] = _log(x[e])
    elif operation == LOG1P:
        for e in range(n):
            out[e] = _log1p(x[e])
    elif operation == SQRT:
        for e in range(n):
            out[e] = np.sqrt(x[e])
    elif operation == TANH:
        for e in range(n):
            out[e] = np.tanh(x[e])
    elif operation == SINH:
        for e in range(n):
            out[e] = np.sinh(x[e])
    elif operation == COSH:
        for e in range(n):
            out[e] = np.cosh(x[e])
    else:
        for e in range(n):
            out[e] = np.arcsinh(x[e])


@jit
def _rarer(operation, x, out, n):
    if operation == SIN:
        for e in range(n):
            out[e] = np.sin(x[e])
    elif operation == COS:
        for e in range(n):
            out[e] = np.cos(x[e])
    elif operation == ARCTAN:
        for e in range(n):
            out[e] = np.arctan(x[e])
    elif operation == ERF:
        for e in range(n):
            out[e] = math.erf(x[e])
    elif operation == LOGISTIC:
        for e in range(n):
            decay = elementary.exp(-np.abs(x[e]))
            out[e] = (1.0 if x[e] >= 0.0 else decay) / (1.0 + decay)
    elif operation == ABS:
        for e in range(n):
            out[e] = np.abs(x[e])
    elif operation == SIGN:
        for e in range(n):
            out[e] = np.sign(x[e])
    elif operation == FLOOR:
        for e in range(n):
            out[e] = np.floor(x[e])
    elif operation == CEIL:
        for e in range(n):
            out[e] = np.ceil(x[e])
    else:
        for e in range(n):
            out[e] = 1.0 if x[e] == 0.0 else 0.0


@jit
def _compare(operation, x, y, out, n):
    # A missing value (x != x) stays missing in minimum and maximum, as in numpy.
    if operation == MINIMUM:
        for e in range(n):
            out[e] = x[e] if x[e] <= y[e] or x[e] != x[e] else y[e]
    elif operation == MAXIMUM:
        for e in range(n):
            out[e] = x[e] if x[e] >= y[e] or x[e] != x[e] else y[e]
    elif operation == LESS:
        for e in range(n):
            out[e] = 1.0 if x[e] < y[e] else 0.0
    elif operation == LESS_EQUAL:
        for e in range(n):
            out[e] = 1.0 if x[e] <= y[e] else 0.0
    elif operation == EQUAL:
        for e in range(n):
            out[e] = 1.0 if x[e] == y[e] else 0.0
    elif operation == NOT_EQUAL:
        for e in range(n):
            out[e] = 1.0 if x[e] != y[e] else 0.0
    elif operation == BOTH:
        for e in range(n):
            out[e] = 1.0 if x[e] != 0.0 and y[e] != 0.0 else 0.0
    else:
        for e in range(n):
            out[e] = 1.0 if x[e] != 0.0 or y[e] != 0.0 else 0.0


@jit
def _power(operation, x, y, s, z, out, n):
    # exp of the logarithm, which derivatives need anyway, is several times faster than a power of its own.
    if operation == POWER_VS:
        for e in range(n):
            out[e] = elementary.exp(s * z[e]) if x[e] > 0.0 else np.power(x[e], s)
    elif operation == POWER:
        for e in range(n):
            out[e] = elementary.exp(y[e] * z[e]) if x[e] > 0.0 else np.power(x[e], y[e])
    elif operation == POWER_SLOPE_VS:
        at_zero = np.power(0.0 * s, s - 1.0) * s if s != 0.0 else 0.0
        for e in range(n):
            out[e] = s * z[e] / x[e] if x[e] != 0.0 else at_zero
    else:
        for e in range(n):
            at_zero = np.power(0.0 * y[e], y[e] - 1.0) * y[e] if y[e] != 0.0 else 0.0
            out[e] = y[e] * z[e] / x[e] if x[e] != 0.0 else at_zero


@jit
def execute(code, begin, end, wanted, scalars, registers, start, n, rows, value, gradient, slope):
    """Run instructions on one tile (or, with `registers` the scalars themselves and n = 1, on scalars)."""
    for i in range(begin, end):
        if code[i, 5] & wanted == 0:
            continue
        operation = code[i, 0]
        x, y, z = registers[code[i, 2]], registers[code[i, 3]], registers[code[i, 4]]
        if operation in (STORE, STORE_S):
            target = code[i, 1]
            destination = value
            if target == rows.size + 1:
                destination = slope
            elif target > 0:
                destination = gradient[rows[target - 1]]
            if operation == STORE:
                for e in range(n):
                    destination[start + e] = x[e]
            else:
                destination[start : start + n] = scalars[code[i, 2], 0]
            continue
        out = registers[code[i, 1]]
        if operation < NEGATIVE:
            if operation in (ADD, SUBTRACT, MULTIPLY, DIVIDE):
                _arithmetic(operation, x, y, out, n)
            elif operation in (SUBTRACT_SV, DIVIDE_SV):
                _arithmetic_sv(operation, scalars[code[i, 2], 0], y, out, n)
            else:
                _arithmetic_vs(operation, x, scalars[code[i, 3], 0], out, n)
        elif operation <= ARCSINH:
            _elementary(operation, x, out, n)
        elif operation <= NEGATION:
            _rarer(operation, x, out, n)
        elif operation <= EITHER:
            _compare(operation, x, y, out, n)
        elif operation == WHERE:
            for e in range(n):
                out[e] = y[e] if x[e] != 0.0 else z[e]
        elif operation == FILL:
            out[:n] = scalars[code[i, 2], 0]
        elif operation == SPARE_PRODUCT:
            for e in range(n):
                out[e] = 0.0 if x[e] == 0.0 else x[e] * y[e]
        else:
            s = scalars[code[i, 3], 0] if operation in (POWER_VS, POWER_SLOPE_VS) else 0.0
            _power(operation, x, y, s, z, out, n)
