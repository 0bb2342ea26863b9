"""Exponential and logarithm without branches, so that a loop over a block runs on vector registers.

The library's ``exp`` costs 3 ns an element in a compiled loop because every call is scalar; these cost a
third of that. Relative error is below 5e-16 (tests compare with numpy over the whole range).
Method: x = k ln 2 + r with |r| <= ln(2)/2 and the Taylor polynomial of degree 13 of exp(r) - 1;
ln x = k ln 2 + 2 artanh((m - 1)/(m + 1)) with m in [sqrt(1/2), sqrt(2)).
"""

import numpy as np

from kernels.numeric.jit import jit

_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LARGEST = 709.0
_SMALLEST = -708.0
_NORMAL = 2.2250738585072014e-308
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_MANTISSA = 0x000FFFFFFFFFFFFF
LOG_OF_ZERO = -1.0e9
"""Stands for ln 0: finite, so that 0**a * ln 0 is 0 and not nan; exp(a * LOG_OF_ZERO) is 0 for a > 1e-6."""


@jit
def _reduced(x):
    """Return (2**k, exp(r) - 1) for x = k ln 2 + r; x must lie within [-708, 709]."""
    k = np.rint(x * _LOG2E)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r * r + r
    scale = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return scale, p


@jit
def exp(x):
    """e**x; 0 below -708 (no subnormal numbers), inf above 709, nan stays nan."""
    inside = min(max(x, _SMALLEST), _LARGEST) if x == x else 0.0
    scale, p = _reduced(inside)
    y = scale * p + scale
    y = y if x >= _SMALLEST else 0.0
    y = y if x <= _LARGEST else np.inf
    return y if x == x else x


@jit
def expm1(x):
    """e**x - 1 to full relative accuracy; -1 below -708, inf above 709, nan stays nan."""
    inside = min(max(x, _SMALLEST), _LARGEST) if x == x else 0.0
    scale, p = _reduced(inside)
    y = scale * p + (scale - 1.0)
    y = y if x <= _LARGEST else np.inf
    return y if x == x else x


@jit
def _artanh_series(f):
    """ln(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)]."""
    s = f / (2.0 + f)
    z = s * s
    p = 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    return 2.0 * s + 2.0 * s * z * p


@jit
def log(x):
    """Natural logarithm for x >= 0; `LOG_OF_ZERO` below the smallest normal number."""
    positive = max(x, _NORMAL) if x == x else 1.0
    bits = np.float64(positive).view(np.int64) - _SQRT_HALF_BITS
    k = np.float64(bits >> 52)
    m = np.int64((bits & _MANTISSA) + _SQRT_HALF_BITS).view(np.float64)
    y = (_artanh_series(m - 1.0) + k * _LN2_LOW) + k * _LN2_HIGH
    y = y if x >= _NORMAL else LOG_OF_ZERO
    y = y if x < np.inf else np.inf
    return y if x == x else x


@jit
def log1p(x):
    """Logarithm of 1 + x for x > -1, to full relative accuracy next to 0."""
    positive = max(1.0 + x, _NORMAL) if x == x else 1.0
    bits = np.float64(positive).view(np.int64) - _SQRT_HALF_BITS
    small = (x > -0.25) and (x < 0.4)
    k = 0.0 if small else np.float64(bits >> 52)
    m = np.int64((bits & _MANTISSA) + _SQRT_HALF_BITS).view(np.float64)
    f = x if small else m - 1.0
    y = (_artanh_series(f) + k * _LN2_LOW) + k * _LN2_HIGH
    return y if x == x else x
