"""Parameters of curves as records: names, units, bounds, and starts that come from the data."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Summary:
    """What bounds and starts need to know of one effort (its finite values where the firm is present).

    Parameters
    ----------
    minimum, median, maximum, mean, deviation : float
        Of all values; the unit of the effort.
    scale, low_scale, high_scale : float
        Median, 10 % and 90 % quantile of the values other than 0, without sign: all positive.
    amplitude : float
        How large a term of this curve is expected to be: a rate per period, or a change of ln f.
    signed : bool
        Whether terms of both signs are equally expected.
    """

    minimum: float
    median: float
    maximum: float
    mean: float
    deviation: float
    scale: float
    low_scale: float
    high_scale: float
    amplitude: float
    signed: bool

    @property
    def spread(self) -> float:
        """Scale on which the effort varies: its deviation, or its size when it hardly varies at all."""
        return self.deviation if self.deviation > 1e-9 * self.scale else self.scale


def summarise(values: NDArray[np.float64], amplitude: float, signed: bool) -> Summary:
    """Summarise the finite values of one effort.

    Parameters
    ----------
    values : array
        Effort of the firms that are present, any shape, in its own unit; values that are not finite are left
        out. Without any, or with zeros only, the scale is 1.
    amplitude : float
        Expected size of the effort's term in the response.
    signed : bool
        Whether terms of both signs are equally expected.
    """
    known = np.isfinite(values)
    finite = values.ravel() if known.all() else values[known]
    finite = np.sort(np.minimum(np.maximum(finite, -1e100), 1e100))
    finite = finite if finite.size else np.ones(1)
    used = finite if finite[0] > 0.0 else np.sort(np.abs(finite[finite != 0.0]))
    used = used if used.size else np.ones(1)
    # Starts only need the size: an effort of 1e-300 must not lead to bounds that overflow when squared.
    low, middle, high = (min(max(_quantile(used, part), 1e-12), 1e12) for part in (0.1, 0.5, 0.9))
    relative = finite / middle
    mean = relative.sum() / finite.size
    apart = relative - mean
    return Summary(
        minimum=float(finite[0]),
        median=_quantile(finite, 0.5),
        maximum=float(finite[-1]),
        mean=float(mean * middle),
        deviation=float(np.sqrt((apart * apart).sum() / finite.size) * middle),
        scale=middle,
        low_scale=low,
        high_scale=high,
        amplitude=amplitude,
        signed=signed,
    )


def _quantile(ordered: NDArray[np.float64], part: float) -> float:
    """Give a quantile of sorted values, as `numpy.quantile` does, which would sort them again."""
    place = part * (ordered.size - 1)
    below = int(place)
    first, second = ordered[below].item(), ordered[min(below + 1, ordered.size - 1)].item()
    return float((second - first) * (place - below) + first)


FromData = float | Callable[[Summary], float]
"""A number, or how to get it from the summary of the effort."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a curve or of a carry-over, before it meets data.

    Parameters
    ----------
    name : str
        ``beta`` for the main coefficient of a curve.
    unit : str
        In terms of ``effort`` (the effort's own unit) and ``response`` (that of the sum of curves).
    minimum, maximum : float or callable
        Bounds; may be infinite.
    start, low, high : float or callable
        Starting value and box from which further starts are drawn; finite.
    vary : bool
        False when the parameter stays at its start unless the user frees it.
    """

    name: str
    unit: str
    minimum: FromData
    maximum: FromData
    start: FromData
    low: FromData
    high: FromData
    vary: bool = True


@dataclass(frozen=True, slots=True)
class ResponseParameter:
    """A parameter of a response whose bounds and starts are numbers.

    Parameters
    ----------
    effort, firm : int or None
        Index of the effort or of the firm it belongs to; both None when it belongs to all.
    name, unit : str
        As in `Parameter`; ``constant`` for firm effects.
    minimum, maximum, start, low, high, vary
        As in `Parameter`.
    """

    effort: int | None
    firm: int | None
    name: str
    unit: str
    minimum: float
    maximum: float
    start: float
    low: float
    high: float
    vary: bool


def from_data(
    parameter: Parameter, summary: Summary, effort: int | None, firm: int | None = None
) -> ResponseParameter:
    """Turn a parameter's rules into numbers, with start and box inside the bounds.

    Raises
    ------
    ValueError
        If the bounds exclude each other or a start is not finite.
    """

    def number(rule: FromData) -> float:
        return float(rule(summary)) if callable(rule) else float(rule)

    minimum, maximum = number(parameter.minimum), number(parameter.maximum)
    if not minimum < maximum:
        raise ValueError(
            f"Parameter '{parameter.name}' has bounds [{minimum:g}, {maximum:g}]; "
            "the first must be below the second."
        )
    start, low, high = (
        min(max(number(rule), minimum), maximum) for rule in (parameter.start, parameter.low, parameter.high)
    )
    if not all(math.isfinite(value) for value in (start, low, high)):
        raise ValueError(
            f"Parameter '{parameter.name}' starts at {start:g} within [{low:g}, {high:g}]; "
            "all three must be finite numbers."
        )
    low, high = min(low, high, start), max(low, high, start)
    return ResponseParameter(
        effort, firm, parameter.name, parameter.unit, minimum, maximum, start, low, high, parameter.vary
    )
