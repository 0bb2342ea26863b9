"""Total sales that answer to a plan: period after period, with what every control does to them."""

from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.response import ForecastResponse
from pipeline.results.totals.answering import AnsweringTotal

if TYPE_CHECKING:
    from pipeline.planning.controls import Controls


def total_of_period(total: AnsweringTotal, t: int, before: Floats, chosen: Floats, f: Floats) -> float:
    """Total sales of period t, currency per period.

    Parameters
    ----------
    total : AnsweringTotal
    t : int
    before : (N,) array
        Shares at the beginning of the period.
    chosen : (K, H, N) array
        What firms set.
    f : (H, N) array
    """
    at, answer = slice(t, t + 1), total.answer
    series = answer.pressure.series(before[np.newaxis], chosen[:, at], f[at])[0]
    return float(total.median[t] * np.exp((series - answer.reference[t]) @ total.coefficient))


def follow_total(
    response: ForecastResponse, total: AnsweringTotal, chosen: Floats, f: Floats
) -> tuple[Floats, Floats]:
    """Follow shares (H, N) and total sales (H,): each period's sales answer to the shares before it."""
    market, share, sales = response.market, np.empty_like(f), np.empty(len(f))
    before = market.share
    for t in range(len(f)):
        at = slice(t, t + 1)
        sales[t] = total_of_period(total, t, before, chosen, f)
        share[t] = response.equation.shares(before, f[at], sales[at], market.duration[at])[0]
        before = share[t]
    return share, sales


def total_slope(
    total: AnsweringTotal,
    controls: "Controls",
    course: tuple[Floats, Floats, Floats],
    values: Floats,
    influence: Floats,
    log_share: tuple[Floats, Floats],
) -> Floats:
    """Differentiate the logarithm of total sales in the controls, (L, t, s).

    Parameters
    ----------
    total : AnsweringTotal
    controls : Controls
    course : (H, N), (K, H, N), (H, N) arrays
        Shares before each period, what firms set, and f.
    values : (L, H) array
        Of the controls.
    influence : (L, t, s, N) array
        Derivative of f in the controls.
    log_share : (L, t, s, N), (t, N, u) arrays
        Derivatives of log shares at the ends of periods: in the controls at given total sales, and in the
        logarithm of the total sales of each period u.
    """
    before = course[0]
    direct, weight = pressure_slopes(total, controls, course, values, influence)
    at_given, by_total = log_share
    slope = np.zeros_like(direct)
    for t in range(len(before)):
        slope[:, t] = direct[:, t]
        if t:  # shares before the period answer to efforts, and to the total sales of earlier periods
            moved = at_given[:, t - 1] + np.einsum("nu,lus->lsn", by_total[t - 1, :, :t], slope[:, :t])
            slope[:, t] += moved @ (weight[t] * before[t])
    return slope


def pressure_slopes(
    total: AnsweringTotal,
    controls: "Controls",
    course: tuple[Floats, Floats, Floats],
    values: Floats,
    influence: Floats,
) -> tuple[Floats, Floats]:
    """Differentiate log total sales in the controls at given shares, (L, t, s), and in shares, (t, N)."""
    before, chosen, f = course
    pressure = total.answer.pressure
    rise = total.coefficient / pressure.scale
    if not pressure.index.size:
        weighted = (before * f).sum(axis=1) if pressure.logarithm else np.ones(len(f))
        by_f = rise[0] * before / weighted[:, np.newaxis]
        return np.einsum("tn,ltsn->lts", by_f, influence), rise[0] * f / weighted[:, np.newaxis]
    direct, inputs = np.zeros(influence.shape[:3]), chosen[pressure.index]
    inputs[pressure.priced] = np.log(inputs[pressure.priced])
    period, firm, moved = np.arange(len(before)), controls.firm, controls.chosen_slope(values)
    for row, effort in enumerate(controls.index):
        for number in np.flatnonzero(pressure.index == effort):
            per_unit = 1.0 / chosen[effort, :, firm] if pressure.priced[number] else 1.0
            direct[row, period, period] += rise[number] * before[:, firm] * per_unit * moved[row]
    return direct, np.einsum("j,jtn->tn", rise, inputs)
