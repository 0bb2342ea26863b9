"""The reported fit: lmfit minimises from a screened start, with the analytic Jacobian."""

import re
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import lmfit
import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Vector

TOLERANCE = 1e-12
"""Tighter than lmfit's 1.5e-8: a reported optimum should not depend on where the search came from."""

_NEEDS_FINITE_BOUNDS = frozenset({"differential_evolution", "dual_annealing", "shgo"})
_TAKES_SEED = {"differential_evolution": "seed", "dual_annealing": "seed", "basinhopping": "seed"}
# What lmfit sees where the model cannot be evaluated: worse than anything, and finite.
_REFUSED = 1e8


class Objective(Protocol):
    """A least-squares problem over a full parameter vector."""

    names: tuple[str, ...]
    lower: Vector
    upper: Vector
    low: Vector
    high: Vector
    vary: NDArray[np.bool_]

    def residual(self, theta: Vector) -> Vector | None:
        """Return the residuals, or None where the model cannot be evaluated."""

    def jacobian(self, theta: Vector) -> Vector:
        """Return the derivatives of the residuals in the parameters that vary, shape (free, residuals)."""


@dataclass(frozen=True, slots=True)
class PolishSettings:
    """How lmfit is to minimise.

    Attributes
    ----------
    method
        Name of a method of `lmfit.minimize`.
    loss
        Robust loss of ``least_squares``.
    max_evaluations
        Evaluations of the residual allowed.
    expr
        Constraints: parameter name to an expression over parameter names.
    seed
        For stochastic methods.
    """

    method: str = "leastsq"
    loss: str = "linear"
    max_evaluations: int = 1000
    expr: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Polished:
    """Where a minimisation stopped, and why."""

    theta: Vector
    evaluations: int
    converged: bool
    message: str


def polish(problem: Objective, theta: Vector, settings: PolishSettings) -> Polished:
    """Minimise the sum of squares from ``theta`` with lmfit.

    Parameters
    ----------
    problem : Objective
        Residuals, Jacobian, names and bounds.
    theta : (P,) array
        Starting values; parameters that do not vary keep them, unless an expression sets them.
    settings : PolishSettings

    Returns
    -------
    Polished
        ``theta`` is the best point seen, with expressions evaluated.

    Raises
    ------
    ValueError
        If the method is unknown to lmfit's table of methods, or an expression cannot be evaluated.
    """
    constraints = _Constraints(problem, theta, settings)
    minimizer = _Minimizer(
        constraints.residual,
        constraints.parameters,
        max_nfev=settings.max_evaluations,
        nan_policy="raise",
        calc_covar=False,
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Uncertainties are ours (`fitting.uncertainty`); lmfit warns about its own where a direction is flat.
        warnings.simplefilter("ignore")
        result = minimizer.minimize(method=settings.method, **_options(settings, constraints.jacobian))
    aborted = bool(getattr(result, "aborted", False))
    return Polished(
        theta=constraints.vector(result.params),
        evaluations=int(result.nfev),
        converged=bool(result.success) and not aborted,
        message=str(getattr(result, "message", "")),
    )


def _options(settings: PolishSettings, jacobian: Callable[[Any], Vector]) -> dict[str, Any]:
    if settings.method == "leastsq":
        return {"Dfun": jacobian, "col_deriv": 1, "ftol": TOLERANCE, "xtol": TOLERANCE}
    if settings.method == "least_squares":
        return {
            "jac": lambda parameters: jacobian(parameters).T,
            "loss": settings.loss,
            "x_scale": "jac",
            "ftol": TOLERANCE,
            "xtol": TOLERANCE,
            "gtol": TOLERANCE,
        }
    seed = _TAKES_SEED.get(settings.method)
    return {seed: settings.seed} if seed else {}


class _Minimizer(lmfit.Minimizer):  # type: ignore[misc]
    """Minimises as lmfit does, and leaves out the standard errors and correlations that nobody reads."""

    def _calculate_uncertainties_correlations(self) -> None:
        self.result.errorbars = False


class _Parameters(lmfit.Parameters):  # type: ignore[misc]
    """Parameters of one minimisation, which may keep them: lmfit's copy of them takes as long as a fit."""

    def __deepcopy__(self, memo: dict[int, Any] | None) -> "_Parameters":
        return self


class _Kept(threading.local):
    """Parameters by how many there are, made once: lmfit's making of them takes as long as a fit does."""

    def __init__(self) -> None:
        self._made: dict[int, _Parameters] = {}

    def get(self, values: Vector, lower: Vector, upper: Vector) -> _Parameters:
        """Give free parameters p0, p1, ... with these values and bounds, until asked again.

        Raises
        ------
        ValueError
            Bounds leave no room.
        """
        made = self._made.get(values.size)
        if made is None:
            made = self._made[values.size] = _Parameters()
            made.add_many(*((f"p{number}", 0.0) for number in range(values.size)))
        rows = zip(values.tolist(), lower.tolist(), upper.tolist(), strict=True)
        for number, (value, low, high) in enumerate(rows):
            if not low < high:
                raise ValueError(
                    f"A free parameter has bounds from {low:g} to {high:g}, which leave no room."
                )
            made[f"p{number}"].set(value=value, vary=True, min=low, max=high)
        return made


_KEPT = _Kept()


class _Constraints:
    """The problem as lmfit sees it: valid Python names, expressions between parameters."""

    def __init__(self, problem: Objective, theta: Vector, settings: PolishSettings) -> None:
        self.problem = problem
        self._start = theta.copy()
        self._aliases = [f"p{index}" for index in range(len(problem.names))]
        self.parameters = self._make_parameters(theta, settings)
        self._dependent = [index for index, name in enumerate(problem.names) if name in settings.expr]
        self._free = [
            index for index, vary in enumerate(problem.vary) if vary and index not in set(self._dependent)
        ]

    def _make_parameters(self, theta: Vector, settings: PolishSettings) -> lmfit.Parameters:
        problem, vary = self.problem, self.problem.vary
        lower, upper = problem.lower, problem.upper
        if settings.method in _NEEDS_FINITE_BOUNDS:
            width = problem.high - problem.low
            lower, upper = np.maximum(lower, problem.low - width), np.minimum(upper, problem.high + width)
        lower, upper = np.where(vary, lower, -np.inf), np.where(vary, upper, np.inf)
        start = np.clip(theta, lower, upper)
        if vary.any() and not settings.expr:
            # Others that are held take no part.
            for number, index in enumerate(np.flatnonzero(vary).tolist()):
                self._aliases[index] = f"p{number}"
            return _KEPT.get(start[vary], lower[vary], upper[vary])
        alias = dict(zip(problem.names, self._aliases, strict=True))
        parameters = lmfit.Parameters()
        for index, name in enumerate(self._aliases):
            parameters.add(
                name,
                value=float(start[index]),
                vary=bool(vary[index]),
                min=float(lower[index]),
                max=float(upper[index]),
            )
        for name, text in settings.expr.items():
            if name in alias:
                parameters[alias[name]].set(expr=_translate(text, alias), min=-np.inf, max=np.inf)
        return parameters

    def vector(self, parameters: lmfit.Parameters) -> Vector:
        """Collect all parameters in the order of the model."""
        theta = self._start.copy()
        for index in (*self._free, *self._dependent):
            theta[index] = parameters[self._aliases[index]].value
        return theta

    def residual(self, parameters: lmfit.Parameters) -> Vector:
        """Return the residuals; huge where the model cannot be evaluated, so that a step is refused."""
        values = self.problem.residual(self.vector(parameters))
        if values is None:
            return np.full(self._n_residuals(), _REFUSED)
        self._length = values.size
        return values

    def _n_residuals(self) -> int:
        if not hasattr(self, "_length"):
            start = self.problem.residual(self._start)
            self._length = len(self._free) if start is None else start.size
        return self._length

    def jacobian(self, parameters: lmfit.Parameters) -> Vector:
        """Return the derivatives in lmfit's own variables, shape (variables, residuals)."""
        full = self.problem.jacobian(self.vector(parameters))
        rows = np.cumsum(self.problem.vary) - 1
        own: Vector = full[rows[self._free]]
        if not self._dependent:
            return own
        slopes = self._slopes(parameters)
        tied: Vector = slopes.T @ full[rows[self._dependent]]
        return own + tied

    def _slopes(self, parameters: lmfit.Parameters) -> Vector:
        """Differentiate expressions in free parameters, shape (dependent, free): they cost little."""
        slopes = np.zeros((len(self._dependent), len(self._free)))
        probe = parameters.copy()
        for column, index in enumerate(self._free):
            name, centre = self._aliases[index], parameters[self._aliases[index]].value
            step = 1e-6 * max(abs(centre), 1e-3)
            sides = []
            for value in (centre + step, centre - step):
                probe[name].set(value=value, min=-np.inf, max=np.inf)
                sides.append([probe[self._aliases[other]].value for other in self._dependent])
            probe[name].set(value=centre)
            slopes[:, column] = (np.array(sides[0]) - np.array(sides[1])) / (2 * step)
        return slopes


def _translate(text: str, alias: Mapping[str, str]) -> str:
    """Write an expression over parameter names in lmfit's aliases (names may hold dots and spaces)."""
    pattern = "|".join(re.escape(name) for name in sorted(alias, key=len, reverse=True))
    return re.sub(rf"(?<![\w.])(?:{pattern})(?![\w.])", lambda match: alias[match.group()], text)
