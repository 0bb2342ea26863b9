"""Drawing a flight plan that was kept, with what has happened since."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from pipeline.forecasting.periods import label_text
from pipeline.reporting.plots.style import date_axis, head

if TYPE_CHECKING:
    import xarray as xr

# Periods of the past beside each period of the plan.
_PAST = 2
_SEEN: dict[str, Any] = {"color": "0.35", "marker": ".", "markersize": 4, "linewidth": 0.8}


def draw_stored_plan(plan: "xr.Dataset", times: np.ndarray, seen: np.ndarray) -> Figure:
    """Draw the planned share with its band and the observed one, and the expenses.

    Parameters
    ----------
    plan
        One of `pipeline.results.results.Results.plans`.
    times, seen : (T,) arrays
        Labels of all periods that are known, and the share of its firm in them.
    """
    future, share = plan["future"].values, plan["share"].values
    band = plan["share_quantile"].transpose("quantile", "future").values
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    shares, money = figure.subplots(1, 2, width_ratios=(3, 2))
    begin = int(np.searchsorted(times, future[0]))
    shown = slice(max(begin - _PAST * future.size, 0), int(np.searchsorted(times, future[-1], side="right")))
    shares.fill_between(future, band[0], band[-1], color="C0", alpha=0.18, linewidth=0, label="90 % band")
    shares.plot(future, share, color="C0", label="planned")
    shares.plot(times[shown], seen[shown], label="observed", **_SEEN)
    deadline = [label_text(time) for time in future].index(plan.attrs["deadline"])
    shares.plot(
        [future[deadline]], [plan.attrs["target"]], color="C3", marker="x", linestyle="none", label="target"
    )
    shares.set_title("share", fontsize=9)
    money.step(future, plan["expenses"].values, where="mid", color="C0")
    money.set_title("expenses per period", fontsize=9)
    money.set_ylim(bottom=min(0.0, money.get_ylim()[0]))
    for axes in (shares, money):
        axes.tick_params(labelsize=7)
        date_axis(axes)
    head(figure, "", shares)
    return figure
