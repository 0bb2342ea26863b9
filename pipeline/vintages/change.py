"""How far the estimates of two vintages may differ by chance: they share most of their data.

With T_o periods then, T_n now and T_c in both, and information that comes evenly over the periods, the
estimates have covariance V_n T_c / T_o, so that their difference has variance
``V_o + V_n (1 - 2 T_c / T_o)``; where the later data hold the earlier ones that is V_o - V_n (Hausman 1978,
Econometrica 46, 1251). Three things keep it honest where few periods are new:

- V_o is taken at the residual variance of now: two estimates of it would differ by more than V_o - V_n.
- The curvature of a nonlinear model moves V_o and V_n by as much again, either way. The difference is not
  taken as smaller than it would be if new periods told as much as old ones,
  ``V_n (T_n + T_o - 2 T_c) / T_o``; this is also what is left where V_o - V_n is not positive.
- Both variances are those of white noise, and their difference is widened as the intervals are that are to
  be trusted most (by default for errors that are correlated over time).

Without a period that only one vintage has (figures were revised) nothing of this applies: changes are then
measured in the standard error of then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from kernels.numeric.arrays import Floats
from pipeline.config.parameters import of_errors, of_states
from pipeline.results.estimates import Estimates, aligned

if TYPE_CHECKING:
    from pipeline.results.results import Results


#: Degrees of freedom of changes in markets that have not changed, chosen on 100 simulated ones.
TAILS = 8.0


@dataclass(frozen=True, slots=True)
class Periods:
    """Number of periods of two vintages: then, now, and those in both."""

    then: int
    now: int
    both: int


def count_periods(old: "Results", new: "Results") -> Periods:
    """Count the periods of the data of two vintages."""
    then, now = (results.panel()["time"].values for results in (old, new))
    return Periods(then.size, now.size, np.intersect1d(then, now).size)


@dataclass(frozen=True, slots=True)
class Changes:
    """Estimates then, their standard errors, changes since in ``unit``, (L, P) each; nan where unknown."""

    old: Floats
    old_stderr: Floats
    change: Floats
    unit: Floats


def measure_changes(before: Estimates, now: Estimates, model: str, periods: Periods) -> Changes:
    """Measure how far the parameters of a model's law have moved.

    The gain and the shares at the start are no part of the law: they say how the data came about.
    """
    params = now.params(model)
    old, old_stderr = (before.along(model, name, now.markets, params) for name in ("value", "stderr"))
    current = now.read(model)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = current["redchi"] / aligned(before.markets, now.markets, before.read(model)["redchi"])
        variance = difference_variance(old_stderr**2 * ratio[:, None], current["stderr"] ** 2, periods)
        wider = current["half"] / current["stderr"]
        unit = np.where(wider > 1.0, wider, 1.0) * np.sqrt(variance)
        # A parameter that the data do not determine, then or now, may be anywhere: that is no drift.
        known = (old_stderr > 0.0) & (current["stderr"] > 0.0) & np.array([_of_law(name) for name in params])
        unit = np.where(known, unit, np.nan)
        change = np.where(known, (current["value"] - old) / unit, np.nan)
    return Changes(old, old_stderr, change, unit)


def difference_variance(old: Floats, new: Floats, periods: Periods) -> Floats:
    """Variance of the difference of two estimates of variances ``old`` and ``new``: see the module."""
    apart = periods.now + periods.then - 2 * periods.both
    if not apart:
        return old
    expected = new * apart / periods.then
    known = old + new * (1.0 - 2.0 * periods.both / periods.then)
    return np.fmax(known, expected)


def beyond(change: Floats, threshold: float) -> np.ndarray:
    """Tell which changes (L, P) are beyond a threshold, as so many deviations of a normal are for one.

    A market with several parameters has as many chances: the threshold of each is raised so that all of them
    together go beyond theirs no oftener than one would (Bonferroni). Their unit is itself estimated, from the
    few periods that are new, so changes are held against Student's t.
    """
    count = np.maximum(np.isfinite(change).sum(axis=1, keepdims=True), 1)
    limit = stats.t.isf(stats.norm.sf(threshold) / count, TAILS)
    return np.abs(np.nan_to_num(change)) > limit


def _of_law(name: str) -> bool:
    return not of_errors(name) and not of_states(name)
