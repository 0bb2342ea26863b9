"""Carry-over (goodwill): effort that goes on working in later periods.

Each rule is a weighted mean of the efforts since the firm entered, so carried effort stays within the range
of the effort itself. Lags are measured in elapsed time: a gap in the time axis is a longer period.
Sources: Nerlove & Arrow (1962) for the geometric rule; Jin, Wang, Sun, Chan & Koehler (2017), "Bayesian
Methods for Media Mix Modeling with Carryover and Shape Effects", for the delayed rule; the Weibull density
over lags as in Meta's Robyn.
"""

from dataclasses import dataclass

from kernels.numeric.elementary import exp, log
from kernels.numeric.jit import jit
from kernels.response.parameter import Parameter

NONE = 0
GEOMETRIC = 1
DELAYED = 2
WEIBULL = 3

LONGEST_LAG = 8
"""Default memory of the delayed and Weibull rules, periods."""


@dataclass(frozen=True, slots=True)
class CarryOver:
    """A rule of carry-over.

    Parameters
    ----------
    name : str
        Name in a study.
    code : int
        Number by which compiled kernels know it.
    formula : str
        Carried effort, or the weight of an effort of ``l`` periods ago before normalisation to 1.
    parameters : tuple of Parameter
    """

    name: str
    code: int
    formula: str
    parameters: tuple[Parameter, ...]


def carry_overs(lags: int = LONGEST_LAG) -> dict[str, CarryOver]:
    """Return the catalogue for a memory of ``lags`` periods, by name."""
    rules = (
        CarryOver("none", NONE, "u", ()),
        CarryOver(
            "geometric",
            GEOMETRIC,
            "(1 - delta**duration) * u + delta**duration * carried_before",
            (Parameter("delta", "1", 0.0, 0.99, 0.3, 0.05, 0.8),),
        ),
        CarryOver(
            "delayed",
            DELAYED,
            "delta**((l - peak)**2)",
            (
                Parameter("delta", "1", 0.001, 0.99, 0.4, 0.1, 0.8),
                Parameter("peak", "periods", 0.0, float(lags), min(1.0, lags / 2), 0.0, lags / 2),
            ),
        ),
        CarryOver(
            "weibull",
            WEIBULL,
            "((l + 1) / scale)**(shape - 1) * exp(-((l + 1) / scale)**shape)",
            (
                Parameter("shape", "1", 0.2, 10.0, 1.5, 0.5, 4.0),
                Parameter("scale", "periods", 0.2, 2.0 * (lags + 1), 2.0, 0.5, lags + 1.0),
            ),
        ),
    )
    return {rule.name: rule for rule in rules}


@jit
def carry_geometric(effort, entered, duration, delta, carried, slope, kept):
    """Carried effort u~ = (1 - q) u + q u~_before with q = delta**duration; u~ = u in the first period.

    Parameters
    ----------
    effort, carried, slope, kept : (T N,) arrays
        Effort; carried effort, its derivative in ``delta``, its derivative in the effort of the same period.
    entered : (T N,) array of int64
        Period in which the firm of each cell entered.
    duration : (T,) array
        Lengths of the periods, in periods.
    delta : float
        Part that is left after one period, 0 <= delta < 1.
    """
    n_times = duration.size
    n_firms = effort.size // n_times
    for t in range(n_times):
        if t == 0 or duration[t] != duration[t - 1]:
            if delta > 1e-12:
                q = exp(duration[t] * log(delta))
                dq = duration[t] * q / delta
            else:
                # At 0 the derivative of delta**duration is infinite for a duration below 1: take it at 1e-12.
                q = 0.0
                dq = duration[t] * exp((duration[t] - 1.0) * log(1e-12))
        for i in range(n_firms):
            e = t * n_firms + i
            if entered[e] == t:
                carried[e] = effort[e]
                slope[e] = 0.0
                kept[e] = 1.0
            else:
                before = e - n_firms
                carried[e] = (1.0 - q) * effort[e] + q * carried[before]
                slope[e] = dq * (carried[before] - effort[e]) + q * slope[before]
                kept[e] = 1.0 - q


@jit
def _log_weight(code, lag, first, second):
    """Logarithm of the weight of a lag and its derivatives in the two parameters of the rule."""
    if code == DELAYED:
        off = lag - second
        delta = max(first, 1e-12)
        return off * off * log(delta), off * off / delta, -2.0 * off * log(delta)
    ratio = log((lag + 1.0) / second)
    z = exp(min(first * ratio, 690.0))
    d_shape = ratio * (1.0 - z)
    return (first - 1.0) * ratio - z, d_shape, (first * z - (first - 1.0)) / second


@jit
def lag_weights(code, n_lags, duration, first, second, table):
    """Fill the weights of lags 0..n_lags, and running sums over lags.

    Parameters
    ----------
    code, first, second
        `DELAYED` (delta, peak) or `WEIBULL` (shape, scale).
    duration : (T,) array
        Lengths of the periods.
    table : (6, T, >= n_lags + 1) array
        Weight (largest 1), its derivatives in ``first`` and ``second`` with the largest held at 1 (the common
        factor cancels), then the running sums of the three.

    Returns
    -------
    int
        Rows filled: 1 when all periods are equally long, else T.
    """
    n_rows = 1
    for t in range(1, duration.size):
        if duration[t] != duration[0]:
            n_rows = duration.size
    for t in range(n_rows):
        largest = -1e300
        elapsed = 0.0
        for lag in range(n_lags + 1):
            if lag > 0:
                elapsed += duration[max(t - lag, 0)]
            logarithm, d_first, d_second = _log_weight(code, elapsed, first, second)
            table[0, t, lag] = logarithm
            table[1, t, lag] = d_first
            table[2, t, lag] = d_second
            largest = max(largest, logarithm)
        for lag in range(n_lags + 1):
            # The floor keeps a sum over few lags positive when the weight sits on later ones.
            weight = exp(max(table[0, t, lag] - largest, -600.0))
            table[0, t, lag] = weight
            table[1, t, lag] *= weight
            table[2, t, lag] *= weight
            for m in range(3):
                table[3 + m, t, lag] = table[m, t, lag] + (table[3 + m, t, lag - 1] if lag > 0 else 0.0)
    return n_rows


@jit
def carry_lagged(code, n_lags, effort, entered, duration, first, second, table, carried, slope, kept):
    """Carried effort as the mean of the efforts since entry, weighted by lag up to ``n_lags`` periods ago.

    Arguments as in `carry_geometric` and `lag_weights`; ``slope`` has shape ``(2, T N)``.
    """
    n_times = duration.size
    n_firms = effort.size // n_times
    n_rows = lag_weights(code, n_lags, duration, first, second, table)
    for t in range(n_times):
        row = t if n_rows > 1 else 0
        for i in range(n_firms):
            e = t * n_firms + i
            reach = min(n_lags, t - entered[e])
            total = 0.0
            d_first = 0.0
            d_second = 0.0
            for lag in range(reach + 1):
                past = effort[e - lag * n_firms]
                total += table[0, row, lag] * past
                d_first += table[1, row, lag] * past
                d_second += table[2, row, lag] * past
            norm = 1.0 / table[3, row, reach]
            carried[e] = total * norm
            slope[0, e] = (d_first - carried[e] * table[4, row, reach]) * norm
            slope[1, e] = (d_second - carried[e] * table[5, row, reach]) * norm
            kept[e] = table[0, row, 0] * norm
