"""The nonlinear problems of NIST's Statistical Reference Datasets, read from their own files.

The models are written here as formulas; sympy differentiates them, so that no derivative is written twice.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

_FOLDER = Path(__file__).parent / "nist"
_GAUSS = "b1*exp(-b2*x) + b3*exp(-(x-b4)**2/b5**2) + b6*exp(-(x-b7)**2/b8**2)"
_LANCZOS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
_CUBIC = "(b1 + b2*x + b3*x**2 + b4*x**3) / (1 + b5*x + b6*x**2 + b7*x**3)"
_CHWIRUT = "exp(-b1*x)/(b2 + b3*x)"

MODELS = {
    "Bennett5": "b1*(b2 + x)**(-1/b3)",
    "BoxBOD": "b1*(1 - exp(-b2*x))",
    "Chwirut1": _CHWIRUT,
    "Chwirut2": _CHWIRUT,
    "DanWood": "b1*x**b2",
    "ENSO": "b1 + b2*cos(2*pi*x/12) + b3*sin(2*pi*x/12) + b5*cos(2*pi*x/b4) + b6*sin(2*pi*x/b4)"
    " + b8*cos(2*pi*x/b7) + b9*sin(2*pi*x/b7)",
    "Eckerle4": "(b1/b2)*exp(-((x - b3)/b2)**2/2)",
    "Gauss1": _GAUSS,
    "Gauss2": _GAUSS,
    "Gauss3": _GAUSS,
    "Hahn1": _CUBIC,
    "Kirby2": "(b1 + b2*x + b3*x**2) / (1 + b4*x + b5*x**2)",
    "Lanczos1": _LANCZOS,
    "Lanczos2": _LANCZOS,
    "Lanczos3": _LANCZOS,
    "MGH09": "b1*(x**2 + x*b2) / (x**2 + x*b3 + b4)",
    "MGH10": "b1*exp(b2/(x + b3))",
    "MGH17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "Misra1a": "b1*(1 - exp(-b2*x))",
    "Misra1b": "b1*(1 - (1 + b2*x/2)**(-2))",
    "Misra1c": "b1*(1 - (1 + 2*b2*x)**(-1/2))",
    "Misra1d": "b1*b2*x/(1 + b2*x)",
    "Nelson": "b1 - b2*x*exp(-b3*x2)",
    "Rat42": "b1/(1 + exp(b2 - b3*x))",
    "Rat43": "b1/(1 + exp(b2 - b3*x))**(1/b4)",
    "Roszman1": "b1 - b2*x - atan(b3/(x - b4))/pi",
    "Thurber": _CUBIC,
}


@dataclass(frozen=True)
class ReferenceProblem:
    """One problem: what to evaluate, where to start, and what must come out."""

    name: str
    starts: np.ndarray
    """(2, P) the two starting points, the far one first."""
    certified: np.ndarray
    """(P,) parameters."""
    sum_of_squares: float
    observed: np.ndarray
    """(R,) what the model is compared with."""
    inputs: tuple[np.ndarray, ...]
    """The predictors, (R,) each."""
    model: object
    """The formula and its derivatives, lambdified."""

    def evaluate(self, data, theta, residual, jacobian):
        """Fill the residual (R,) and the Jacobian (P, R); 1 where the model has no finite value."""
        with np.errstate(all="ignore"):
            value, *slopes = self.model(*self.inputs, *theta)
        residual[:] = value - self.observed
        for row, slope in zip(jacobian, slopes, strict=True):
            row[:] = slope
        return 0 if np.isfinite(residual).all() and np.isfinite(jacobian).all() else 1


def read_problem(name: str) -> ReferenceProblem:
    """Read one of `MODELS`."""
    text = (_FOLDER / f"{name}.dat").read_text(encoding="ascii")
    rows = re.findall(r"^\s*b\d+ =\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+\s*$", text, flags=re.MULTILINE)
    starts = np.array(rows, dtype=float)
    squares = re.search(r"Residual Sum of Squares:\s+(\S+)", text)
    table = np.loadtxt(text[text.rindex("Data:") :].splitlines()[1:], ndmin=2)
    observed = np.log(table[:, 0]) if name == "Nelson" else table[:, 0]
    inputs = tuple(table[:, 1:].T)
    names = sympy.symbols(" ".join(["x", "x2"][: len(inputs)] + [f"b{k + 1}" for k in range(len(starts))]))
    formula = sympy.sympify(MODELS[name])
    slopes = [sympy.diff(formula, symbol) for symbol in names[len(inputs) :]]
    model = sympy.lambdify(names, [formula, *slopes], "numpy", cse=True)
    return ReferenceProblem(
        name, starts[:, :2].T.copy(), starts[:, 2], float(squares[1]), observed, inputs, model
    )
