"""The catalogue of response curves and families: formulas, parameters, domains, starts from data.

Starts assume ``jump_price`` = reference_sales times one period, so that f is a rate per period and the sum
of f over the firms of a market is of order 1; `Summary.amplitude` is the part of one effort in it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kernels.formula.expression import compile_curve, parse
from kernels.formula.program import Program
from kernels.response import curves
from kernels.response.ispline import INTERIOR_KNOTS, ispline_size
from kernels.response.parameter import Parameter, Summary


@dataclass(frozen=True, slots=True)
class Domain:
    """Efforts for which a curve is defined: those from ``minimum`` on, or above it when ``open``."""

    minimum: float = -math.inf
    open: bool = False

    def __str__(self) -> str:
        if self.minimum == -math.inf:
            return "any effort"
        return f"efforts {'>' if self.open else '>='} {self.minimum:g}"


@dataclass(frozen=True, slots=True)
class Curve:
    """A response curve g(u).

    Parameters
    ----------
    name : str
        Name in a study.
    formula : str
        In the language of `kernels.formula.expression` with ``u`` for the effort (for splines, in words).
    parameters : tuple of Parameter
        The main coefficient, ``beta`` (``pareto`` where all efforts share it), first.
    domain : Domain
        Efforts for which it is defined.
    code : int
        Number by which compiled kernels know it.
    shared : tuple of str
        Parameters that all efforts with this curve have in common.
    decreasing : bool
        Whether a spline falls.
    program : Program, optional
        A user's curve, compiled.
    """

    name: str
    formula: str
    parameters: tuple[Parameter, ...]
    domain: Domain
    code: int
    shared: tuple[str, ...] = ()
    decreasing: bool = False
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """What a study calls a response: one curve for all efforts, and how their sum becomes f.

    Parameters
    ----------
    name, curve, link : str
        Name in a study, key of `CURVES`, and ``identity``, ``exp`` or ``ces``.
    ranked : bool
        Whether efforts are ranked by the Pareto rule, so that an order must be given.
    formula : str
        f with ``b`` for the firm effect.
    """

    name: str
    curve: str
    link: str
    ranked: bool
    formula: str


_ANY = Domain()
_NOT_NEGATIVE = Domain(0.0)
_POSITIVE = Domain(0.0, open=True)
DOMAINS = {"real": _ANY, "nonnegative": _NOT_NEGATIVE, "positive": _POSITIVE}
"""Domains by the name a study gives them."""
_H = Parameter(
    "h",
    "effort",
    lambda s: 0.01 * s.low_scale,
    lambda s: 100.0 * s.high_scale,
    lambda s: s.scale,
    lambda s: 0.3 * s.low_scale,
    lambda s: 3.0 * s.high_scale,
)
_RATE = Parameter(
    "rate",
    "1/effort",
    lambda s: 0.02 / s.high_scale,
    lambda s: 200.0 / s.low_scale,
    lambda s: 2.0 / s.scale,
    lambda s: 0.6 / s.high_scale,
    lambda s: 6.0 / s.low_scale,
)
_N = Parameter("n", "1", 0.2, 10.0, 1.5, 0.7, 4.0)
_A = Parameter("a", "1", 0.05, 3.0, 0.5, 0.2, 1.5)
_C = Parameter("c", "1", 0.2, 10.0, 1.5, 0.7, 4.0)
_D = Parameter(
    "d",
    "effort**c",
    lambda s: 1e-4 * min(s.low_scale, 1.0) ** 4,
    lambda s: 1e4 * max(s.high_scale, 1.0) ** 4,
    lambda s: s.scale**1.5,
    lambda s: s.low_scale**1.5,
    lambda s: s.high_scale**1.5,
)
_LO = Parameter("lo", "response", -math.inf, math.inf, 0.0, 0.0, 0.0, vary=False)


def _beta(unit: str, typical: Callable[[Summary], float], name: str = "beta") -> Parameter:
    """Make the main coefficient of a curve whose value at coefficient 1 is typically ``typical``."""

    def multiple(plain: float, signed: float) -> Callable[[Summary], float]:
        return lambda s: (signed if s.signed else plain) * s.amplitude / typical(s)

    return Parameter(
        name, unit, -math.inf, math.inf, multiple(1.0, 0.2), multiple(0.1, -1.0), multiple(3.0, 1.0)
    )


def _linear_size(s: Summary) -> float:
    # Inside exp the firm constants absorb the mean; in a plain sum f should stay of the order of amplitude.
    return s.spread if s.signed else s.scale


def ispline_curve(n_interior: int = INTERIOR_KNOTS, decreasing: bool = False) -> Curve:
    """Return the monotone spline with a number of interior knots; coefficients ``beta``, ``c2``, ... >= 0."""
    size = ispline_size(n_interior)

    def share(factor: float) -> Callable[[Summary], float]:
        return lambda s: factor * s.amplitude / size

    heights = tuple(
        Parameter("beta" if j == 0 else f"c{j + 1}", "response", 0.0, math.inf, share(1.0), 0.0, share(4.0))
        for j in range(size)
    )
    name = "ispline_decreasing" if decreasing else "ispline"
    sum_of_splines = "sum over j of c_j I_j(u), c_1 = beta"
    formula = f"-({sum_of_splines})" if decreasing else sum_of_splines
    return Curve(name, formula, heights, _ANY, curves.ISPLINE, decreasing=decreasing)


def user_curve(name: str, formula: str, parameters: Sequence[Parameter], domain: Domain = _ANY) -> Curve:
    """Make a curve of a user's formula.

    Parameters
    ----------
    name : str
        Name in the study.
    formula : str
        Formula in ``u`` and the parameters, such as ``"k * log1p(u / h)"``.
    parameters : sequence of Parameter
        With the names of the formula, the main coefficient first; it is called ``beta`` from here on.
    domain : Domain
        Efforts for which the formula is defined.

    Raises
    ------
    kernels.formula.expression.ExpressionError
        If the formula is refused; a sentence with the position.
    ValueError
        If there is no parameter.
    """
    names = tuple(parameter.name for parameter in parameters)
    if not names:
        raise ValueError(f"Curve '{name}' has no parameter; it needs at least its main coefficient.")
    program = compile_curve(parse(formula, ("u", *names)), "u", names)
    own = (replace(parameters[0], name="beta"), *parameters[1:])
    return Curve(name, formula, own, domain, curves.EXPRESSION, program=program)


def _half(summary: Summary) -> float:  # noqa: ARG001
    return 0.5


def _one(summary: Summary) -> float:  # noqa: ARG001
    return 1.0


CURVES: dict[str, Curve] = {
    curve.name: curve
    for curve in (
        Curve("linear", "beta * u", (_beta("response/effort", _linear_size),), _ANY, curves.LINEAR),
        Curve(
            "power",
            "beta * u**a",
            (_beta("response/effort**a", lambda s: math.sqrt(s.scale)), _A),
            _NOT_NEGATIVE,
            curves.POWER,
        ),
        Curve("log", "beta * log(1 + u / h)", (_beta("response", _half), _H), _NOT_NEGATIVE, curves.LOG),
        Curve("ln", "beta * log(u)", (_beta("response", _one),), _POSITIVE, curves.LN),
        Curve(
            "exponential",
            "beta * (1 - exp(-u / h))",
            (_beta("response", _half), _H),
            _NOT_NEGATIVE,
            curves.EXPONENTIAL,
        ),
        Curve(
            "michaelis_menten",
            "beta * u / (h + u)",
            (_beta("response", _half), _H),
            _NOT_NEGATIVE,
            curves.MICHAELIS_MENTEN,
        ),
        Curve(
            "hill",
            "beta * u**n / (h**n + u**n)",
            (_beta("response", _half), _H, _N),
            _NOT_NEGATIVE,
            curves.HILL,
        ),
        Curve(
            "logistic",
            "beta * (1 - exp(-rate * u)) / (1 + exp(-rate * u))",
            (_beta("response", _half), _RATE),
            _ANY,
            curves.LOGISTIC,
        ),
        Curve("tanh", "beta * tanh(u / h)", (_beta("response", _half), _H), _ANY, curves.TANH),
        Curve(
            "sqrt",
            "beta * sqrt(u)",
            (_beta("response/effort**0.5", lambda s: math.sqrt(s.scale)),),
            _NOT_NEGATIVE,
            curves.SQRT,
        ),
        Curve(
            "adbudg",
            "lo + (beta - lo) * u**c / (d + u**c)",
            (_beta("response", _half), _LO, _C, _D),
            _NOT_NEGATIVE,
            curves.ADBUDG,
        ),
        ispline_curve(),
        ispline_curve(decreasing=True),
        Curve(
            "pareto",
            "pareto * u",
            (_beta("response/effort", lambda s: s.scale, "pareto"),),
            _ANY,
            curves.LINEAR,
            shared=("pareto",),
        ),
        Curve(
            "ces",
            "beta * u**rho",
            (
                Parameter(
                    "beta",
                    "response**rho/effort**rho",
                    0.0,
                    math.inf,
                    lambda s: s.amplitude / math.sqrt(s.scale),
                    lambda s: 0.2 * s.amplitude / math.sqrt(s.scale),
                    lambda s: 3.0 * s.amplitude / math.sqrt(s.scale),
                ),
                Parameter("rho", "1", 0.05, 1.0, 0.5, 0.2, 0.95),
            ),
            _NOT_NEGATIVE,
            curves.POWER,
            shared=("rho",),
        ),
    )
}
"""Curves by name. ``pareto`` and ``ces`` only make sense for the families of that name."""

FAMILIES: dict[str, Family] = {
    **{
        name: Family(name, name, "identity", False, "b + sum over k of g(u_k)")
        for name in CURVES
        if name not in ("ln", "pareto", "ces")
    },
    "mnl": Family("mnl", "linear", "exp", False, "exp(b + sum over k of beta_k u_k)"),
    "mci": Family("mci", "ln", "exp", False, "exp(b) times the product over k of u_k**beta_k"),
    "ces": Family("ces", "ces", "ces", False, "exp(b) (sum over k of beta_k u_k**rho)**(1/rho)"),
    "pareto": Family(
        "pareto", "pareto", "identity", True, "b + pareto times the sum over k of w_rank(k) u_k"
    ),
}
"""Families by name."""
