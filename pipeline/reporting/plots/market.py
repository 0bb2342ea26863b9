"""Drawing what a store holds: observed and calibrated shares of a market, and its market function."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.reporting.cells import with_unit
from pipeline.reporting.plots.files import plot_file, save_figure
from pipeline.reporting.plots.style import broken, date_axis, decades_axis, head, panel_title, small_ticks
from pipeline.results.curves import ResponseCurve, known_curves
from pipeline.results.results import Results
from pipeline.results.select import query_table
from pipeline.status import Status

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_COLUMNS = 4
MOST_FIRMS = 12
"""Firms of a market that are drawn: the largest."""
_OBSERVED: dict[str, Any] = {
    "color": "0.35",
    "marker": ".",
    "markersize": 3,
    "linestyle": "none",
    "label": "observed",
}
_FITTED: dict[str, Any] = {"color": "C0", "linewidth": 1.4, "label": "calibrated"}


def plot_market(
    results: Results, out: str | Path, *, market: Label | None = None, model: str | None = None
) -> Path:
    """Draw observed and calibrated shares of a market and its f curves with 95 % bands.

    Parameters
    ----------
    results
        Where the fits are.
    out
        File to write, ``.png`` or ``.svg``.
    market
        Label of the market, or its text; the first one with a fit when None.
    model
        Name of the model; the best by AIC in this market when None.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file, an unknown market or model, or no usable fit.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    label, chosen = _choose(results, market, model)
    trajectory = results.trajectories(chosen).isel(window=0).sel(market=label).load()
    curves = known_curves(results, label, chosen)
    title = f"{results.sweep.study}: market {label}, model {chosen}"
    figure = draw_market(trajectory, curves, title)
    return save_figure(figure, target)


def draw_market(trajectory: "xr.Dataset", curves: Sequence[ResponseCurve], title: str = "") -> Figure:
    """Draw one market.

    Parameters
    ----------
    trajectory
        share, observed_share (firm, time) of one market and window.
    curves
        Its market function, one curve an effort.
    title
        Of the whole; a page has its own.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a firm (the largest twelve), then one an effort; no curves: firms alone.
    """
    firms = _largest(trajectory)
    rows = -(-len(firms) // _COLUMNS), -(-len(curves) // _COLUMNS)
    figure = Figure(figsize=(12.0, 0.6 + 1.9 * rows[0] + 2.4 * rows[1]), layout="constrained")
    grid = GridSpec(sum(rows), _COLUMNS, figure=figure, height_ratios=[1.9] * rows[0] + [2.4] * rows[1])
    first: Axes | None = None
    for panel, firm in enumerate(firms):
        axes = figure.add_subplot(grid[divmod(panel, _COLUMNS)], sharex=first)
        first = first or axes
        _draw_firm(axes, trajectory.isel(firm=firm), first=panel == 0)
        axes.tick_params(labelbottom=panel + _COLUMNS >= len(firms))
    head(figure, title, first)
    for panel, curve in enumerate(curves):
        row, column = divmod(panel, _COLUMNS)
        _draw_curve(figure.add_subplot(grid[rows[0] + row, column]), curve)
    return figure


def draw_curves(curves: Sequence[ResponseCurve]) -> Figure:
    """Draw a market function alone: one panel an effort, with the 95 % band."""
    rows = -(-len(curves) // _COLUMNS)
    figure = Figure(figsize=(12.0, 0.2 + 2.4 * rows), layout="constrained")
    grid = GridSpec(rows, _COLUMNS, figure=figure)
    for panel, curve in enumerate(curves):
        _draw_curve(figure.add_subplot(grid[divmod(panel, _COLUMNS)]), curve)
    return figure


def _choose(results: Results, market: Label | None, model: str | None) -> tuple[Label, str]:
    """Find the label of the market and the model to draw."""
    tables = results.tables
    wanted = None if market is None else [market]
    table = query_table(tables, market=wanted, model=model, window=tables.first_window).sorted("aic")
    usable = [status.name.lower() for status in Status if status.usable]
    table = table.take(np.isin(table["status"].astype(str), usable))
    if not len(table):
        which = "this store" if market is None else f"market {market}"
        raise QueryError(f"There is no usable fit to draw for {which}; `beed show` says why fits failed.")
    if market is None:
        labels = tables.labels("market").tolist()
        order = np.argsort([labels.index(label) for label in table["market"].tolist()], kind="stable")
        table = table.take(order)
    return table["market"].tolist()[0], str(table["model"][0])


def _largest(trajectory: "xr.Dataset") -> list[int]:
    observed = trajectory["observed_share"].values
    present = np.flatnonzero(~np.isnan(observed).all(axis=1))
    size = np.nansum(observed[present], axis=1)
    return sorted(present[np.argsort(-size, kind="stable")[:MOST_FIRMS]].tolist())


def _draw_firm(axes: "Axes", firm: "xr.Dataset", *, first: bool) -> None:
    time = firm["time"].values
    axes.plot(time, firm["observed_share"].values, **_OBSERVED)
    axes.plot(*broken(time, firm["share"].values), **_FITTED)
    panel_title(axes, str(firm["firm"].values), 12.0 / _COLUMNS)
    small_ticks(axes)
    axes.set_ylim(bottom=0.0)
    date_axis(axes)
    if first:
        axes.set_ylabel("share", fontsize=8)


def _draw_curve(axes: "Axes", curve: ResponseCurve) -> None:
    axes.fill_between(curve.level, curve.low, curve.high, color="C0", alpha=0.2, linewidth=0)
    axes.plot(curve.level, curve.value, **_FITTED)
    axes.set_xlabel(with_unit(curve.effort, curve.unit), fontsize=8)
    axes.set_ylabel(curve.measure, fontsize=8)
    if curve.measure == "f / f(median)":
        decades_axis(axes, "y", curve.value)
    small_ticks(axes)
