"""Figures of what a model leaves: the errors of calibrated shares, over time and against their size."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from pipeline.reporting.plots.style import broken, date_axis, head, small_ticks

if TYPE_CHECKING:
    import xarray as xr

_NAMED = 4
"""Firms with a colour: those with the largest errors."""


def draw_residuals(trajectory: "xr.Dataset") -> Figure:
    """Draw the errors of one market: a line a firm over time, and points against the calibrated share.

    Parameters
    ----------
    trajectory
        share, observed_share (firm, time) of one market and window.
    """
    figure = Figure(figsize=(12.0, 3.2), layout="constrained")
    over_time, against = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    cube = trajectory.transpose("firm", "time", ...)
    errors = cube["observed_share"].values - cube["share"].values
    known = np.flatnonzero(np.isfinite(errors).any(axis=1))
    size = np.sqrt(np.nanmean(errors[known] ** 2, axis=1))
    order = known[np.argsort(-size, kind="stable")]
    for rank, firm in enumerate(order.tolist()):
        named = rank < _NAMED
        colour = f"C{rank}" if named else "0.8"
        name = str(cube["firm"].values[firm]) if named else None
        style = {"color": colour, "zorder": 2 if named else 1}
        time, error = broken(cube["time"].values, errors[firm])
        over_time.plot(time, error, linewidth=0.9, label=name, **style)
        against.plot(cube["share"].values[firm], errors[firm], linestyle="none", marker=".", **style)
    for axes in (over_time, against):
        axes.axhline(0.0, color="black", linewidth=0.8, zorder=0)
        small_ticks(axes)
        axes.spines[["top", "right"]].set_visible(False)
    date_axis(over_time)
    over_time.set_ylabel("observed - calibrated share", fontsize=8)
    against.set_xlabel("calibrated share", fontsize=8)
    head(figure, "", over_time)
    return figure
