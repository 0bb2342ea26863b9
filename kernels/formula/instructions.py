"""The instructions of programs (see `kernels.formula.program`) and the compiled code that carries them out.

Each instruction is one loop over contiguous registers, so that the compiler can use vector instructions.
"""

# mypy: disable-error-code="no-untyped-def"
import math

import numpy as np

from kernels.numeric import elementary
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart

# Operations. A suffix tells which operands are scalars: SV scalar and vector, VS vector and scalar.
(ADD, SUBTRACT, MULTIPLY, DIVIDE, ADD_VS, SUBTRACT_VS, MULTIPLY_VS, DIVIDE_VS) = range(8)
(SUBTRACT_SV, DIVIDE_SV, FILL) = range(8, 11)
(NEGATIVE, EXP, EXPM1, LOG, LOG1P, SQRT, TANH, SINH, COSH, ARCSINH) = range(11, 21)
(SIN, COS, ARCTAN, ERF, LOGISTIC, ABS, SIGN, FLOOR, CEIL, NEGATION) = range(21, 31)
(MINIMUM, MAXIMUM, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, BOTH, EITHER) = range(31, 39)
# SPARE_PRODUCT: a * b, but 0 if a is 0.
(WHERE, SPARE_PRODUCT, STORE) = range(39, 42)
# POWER: a ** b where c = log(a). POWER_SLOPE: b * a ** (b - 1) where c = a ** b.
(POWER, POWER_VS, POWER_SLOPE, POWER_SLOPE_VS) = range(42, 46)
LAST = POWER_SLOPE_VS
SCALAR_A = (SUBTRACT_SV, DIVIDE_SV, FILL)
SCALAR_B = (ADD_VS, SUBTRACT_VS, MULTIPLY_VS, DIVIDE_VS, POWER_VS, POWER_SLOPE_VS)
"""Operations whose first or second operand is a scalar."""

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
def _arithmetic(operation, r, x, y, out, n):
    if operation == ADD:
        for e in range(n):
            r[out, e] = r[x, e] + r[y, e]
    elif operation == SUBTRACT:
        for e in range(n):
            r[out, e] = r[x, e] - r[y, e]
    elif operation == MULTIPLY:
        for e in range(n):
            r[out, e] = r[x, e] * r[y, e]
    else:
        for e in range(n):
            r[out, e] = r[x, e] / r[y, e]


@jit
def _arithmetic_vs(operation, r, x, s, out, n):
    if operation == ADD_VS:
        for e in range(n):
            r[out, e] = r[x, e] + s
    elif operation == SUBTRACT_VS:
        for e in range(n):
            r[out, e] = r[x, e] - s
    elif operation == MULTIPLY_VS:
        for e in range(n):
            r[out, e] = r[x, e] * s
    else:
        for e in range(n):
            r[out, e] = r[x, e] / s


@jit
def _arithmetic_sv(operation, r, s, y, out, n):
    if operation == SUBTRACT_SV:
        for e in range(n):
            r[out, e] = s - r[y, e]
    elif operation == DIVIDE_SV:
        for e in range(n):
            r[out, e] = s / r[y, e]
    else:
        for e in range(n):
            r[out, e] = s


@jit
def _elementary(operation, r, x, out, n):
    if operation == NEGATIVE:
        for e in range(n):
            r[out, e] = -r[x, e]
    elif operation == EXP:
        for e in range(n):
            r[out, e] = elementary.exp(r[x, e])
    elif operation == EXPM1:
        for e in range(n):
            r[out, e] = elementary.expm1(r[x, e])
    elif operation == LOG:
        for e in range(n):
            r[out, e] = _log(r[x, e])
    elif operation == LOG1P:
        for e in range(n):
            r[out, e] = _log1p(r[x, e])
    elif operation == SQRT:
        for e in range(n):
            r[out, e] = np.sqrt(r[x, e])
    elif operation == TANH:
        for e in range(n):
            r[out, e] = np.tanh(r[x, e])
    elif operation == SINH:
        for e in range(n):
            r[out, e] = np.sinh(r[x, e])
    elif operation == COSH:
        for e in range(n):
            r[out, e] = np.cosh(r[x, e])
    else:
        for e in range(n):
            r[out, e] = np.arcsinh(r[x, e])


@jit
def _rarer(operation, r, x, out, n):
    if operation == SIN:
        for e in range(n):
            r[out, e] = np.sin(r[x, e])
    elif operation == COS:
        for e in range(n):
            r[out, e] = np.cos(r[x, e])
    elif operation == ARCTAN:
        for e in range(n):
            r[out, e] = np.arctan(r[x, e])
    elif operation == ERF:
        for e in range(n):
            r[out, e] = math.erf(r[x, e])
    elif operation == LOGISTIC:
        for e in range(n):
            decay = elementary.exp(-np.abs(r[x, e]))
            r[out, e] = (1.0 if r[x, e] >= 0.0 else decay) / (1.0 + decay)
    elif operation == ABS:
        for e in range(n):
            r[out, e] = np.abs(r[x, e])
    elif operation == SIGN:
        for e in range(n):
            r[out, e] = np.sign(r[x, e])
    elif operation == FLOOR:
        for e in range(n):
            r[out, e] = np.floor(r[x, e])
    elif operation == CEIL:
        for e in range(n):
            r[out, e] = np.ceil(r[x, e])
    else:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] == 0.0 else 0.0


@jit
def _compare(operation, r, x, y, out, n):
    # A missing value (x != x) stays missing in minimum and maximum, as in numpy.
    if operation == MINIMUM:
        for e in range(n):
            r[out, e] = r[x, e] if r[x, e] <= r[y, e] or r[x, e] != r[x, e] else r[y, e]
    elif operation == MAXIMUM:
        for e in range(n):
            r[out, e] = r[x, e] if r[x, e] >= r[y, e] or r[x, e] != r[x, e] else r[y, e]
    elif operation == LESS:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] < r[y, e] else 0.0
    elif operation == LESS_EQUAL:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] <= r[y, e] else 0.0
    elif operation == EQUAL:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] == r[y, e] else 0.0
    elif operation == NOT_EQUAL:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] != r[y, e] else 0.0
    elif operation == BOTH:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] != 0.0 and r[y, e] != 0.0 else 0.0
    else:
        for e in range(n):
            r[out, e] = 1.0 if r[x, e] != 0.0 or r[y, e] != 0.0 else 0.0


@jit
def _power(operation, r, x, y, s, z, out, n):  # a loop without calls or branches first, then the rare x <= 0
    awkward = 0
    if operation == POWER_VS:
        for e in range(n):
            r[out, e] = elementary.exp(s * r[z, e])
    else:
        for e in range(n):
            r[out, e] = elementary.exp(r[y, e] * r[z, e])
    for e in range(n):
        awkward += 0 if r[x, e] > 0.0 else 1
    if awkward > 0:
        for e in range(n):
            if not r[x, e] > 0.0:
                r[out, e] = np.power(r[x, e], s if operation == POWER_VS else r[y, e])


@jit
def _power_slope(operation, r, x, y, s, z, out, n):
    awkward = 0
    if operation == POWER_SLOPE_VS:
        for e in range(n):
            r[out, e] = s * r[z, e] / r[x, e]
    else:
        for e in range(n):
            r[out, e] = r[y, e] * r[z, e] / r[x, e]
    for e in range(n):
        awkward += 1 if r[x, e] == 0.0 else 0
    if awkward > 0:
        for e in range(n):
            if r[x, e] == 0.0:
                exponent = s if operation == POWER_SLOPE_VS else r[y, e]
                r[out, e] = exponent * np.power(r[x, e], exponent - 1.0) if exponent != 0.0 else 0.0


@jit
def _select(operation, r, x, y, z, out, n):
    if operation == WHERE:
        for e in range(n):
            r[out, e] = r[y, e] if r[x, e] != 0.0 else r[z, e]
    else:
        for e in range(n):
            r[out, e] = 0.0 if r[x, e] == 0.0 else r[x, e] * r[y, e]


@jit
def _store(r, x, target, start, n, rows, value, gradient, slope):
    if target == 0:
        for e in range(n):
            value[start + e] = r[x, e]
    elif target == rows.size + 1:
        for e in range(n):
            slope[start + e] = r[x, e]
    else:
        row = rows[target - 1]
        for e in range(n):
            gradient[row, start + e] = r[x, e]


@jit_apart("none")
def execute(code, begin, end, wanted, scalars, r, start, n, rows, value, gradient, slope):
    """Run instructions on a tile in the registers `r` (or on scalars: `r` is `scalars` itself and n = 1)."""
    for i in range(begin, end):
        if code[i, 5] & wanted == 0:
            continue
        operation = code[i, 0]
        # Rows are passed by number: a slice of an array would cost more than the arithmetic on it.
        out, x, y, z = code[i, 1], code[i, 2], code[i, 3], code[i, 4]
        if operation <= DIVIDE:
            _arithmetic(operation, r, x, y, out, n)
        elif operation <= DIVIDE_VS:
            _arithmetic_vs(operation, r, x, scalars[y, 0], out, n)
        elif operation <= FILL:
            _arithmetic_sv(operation, r, scalars[x, 0], y, out, n)
        elif operation <= ARCSINH:
            _elementary(operation, r, x, out, n)
        elif operation <= NEGATION:
            _rarer(operation, r, x, out, n)
        elif operation <= EITHER:
            _compare(operation, r, x, y, out, n)
        elif operation <= SPARE_PRODUCT:
            _select(operation, r, x, y, z, out, n)
        elif operation == STORE:
            _store(r, x, out, start, n, rows, value, gradient, slope)
        elif operation <= POWER_VS:
            s = scalars[y, 0] if operation == POWER_VS else 0.0
            _power(operation, r, x, y, s, z, out, n)
        else:
            s = scalars[y, 0] if operation == POWER_SLOPE_VS else 0.0
            _power_slope(operation, r, x, y, s, z, out, n)
