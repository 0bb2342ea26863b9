"""Links: how the sum of curves S and the firm effects b become f, with the derivatives, compiled.

A new link is a code here, its branch in `apply_link` (and in `write_effect_rows` where df/db is neither 1 nor
f), and its name in `pipeline.config.sections.models`.
"""

from kernels.numeric.elementary import exp, log
from kernels.numeric.jit import jit
from kernels.numeric.rows import add_to

IDENTITY = 0
"""f = b_i + sum of curves."""
EXPONENTIAL = 1
"""f = exp(b_i + sum of curves)."""
CES = 2
"""f = exp(b_i) (sum of curves)^(1/rho)."""
LINKS = {"identity": IDENTITY, "exp": EXPONENTIAL, "ces": CES}
"""Codes by the name that a study gives them."""


@jit
def apply_link(link, design, effect_parameter, elasticity, theta, total, constant, factor, direct):
    """Turn the sum of curves S in ``total`` into f, in place, and write df/dS into ``factor``.

    For `IDENTITY` nothing is written into ``factor``; for `CES` the part of df/drho that does not go through
    S is written into ``direct``. These are (E,) over the cells of a market, ``design`` is (N, Q).
    """
    constant[:] = 0.0
    n_firms = design.shape[0]
    for q in range(effect_parameter.size):
        effect = theta[effect_parameter[q]]
        for i in range(n_firms):
            constant[i] += design[i, q] * effect
    if effect_parameter.size > 0:
        for e in range(n_firms, total.size):
            constant[e] = constant[e - n_firms]
    if link == CES:
        _ces(theta[elasticity], constant, total, factor, direct)
        return
    if effect_parameter.size > 0:
        add_to(total, constant)
    if link == EXPONENTIAL:
        for e in range(total.size):
            y = exp(total[e])
            total[e] = y
            factor[e] = y


@jit
def _ces(rho, constant, total, factor, direct):
    """Turn S into exp(b) S**(1 / rho)."""
    inverse = 1.0 / rho
    for e in range(total.size):
        direct[e] = log(total[e])
    for e in range(total.size):
        factor[e] = inverse * exp(constant[e] + (inverse - 1.0) * direct[e])
    for e in range(total.size):
        total[e] = exp(constant[e] + inverse * direct[e])
    for e in range(total.size):
        direct[e] *= -total[e] * inverse * inverse


@jit
def write_effect_rows(link, design, effect_parameter, column, total, flat):
    """Write the derivatives in the firm effects: the design, times f where effects are inside exp."""
    n_firms = design.shape[0]
    for q in range(effect_parameter.size):
        c = column[effect_parameter[q]]
        if c < 0:
            continue
        row = flat[c]
        row[:] = 0.0
        for i in range(n_firms):
            d = design[i, q]
            if d == 0.0:
                continue
            for e in range(i, row.size, n_firms):
                row[e] = d if link == IDENTITY else d * total[e]
