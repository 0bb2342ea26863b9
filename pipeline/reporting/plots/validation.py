"""Figures of the report on a sweep: errors of forecasts, by horizon, their spread, estimates over markets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kernels.numeric.spread import evenly_spread
from pipeline.reporting.cells import with_unit
from pipeline.reporting.plots.style import decades_axis, head, panel_title, small_ticks
from pipeline.results.frames.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _MUTED, _LINE = "#000000", "0.35", "0.8"
_MODEL, _BASELINE = "C0", "0.35"
_COLUMNS = 4


@dataclass(frozen=True)
class ParameterEstimates:
    """One parameter of one model in many markets.

    Attributes
    ----------
    param, unit
        Its name and unit.
    value, low, high : (L,) arrays
        Estimates and 95 % intervals; nan where there is no interval.
    truth
        Of simulated data; nan otherwise.
    """

    param: str
    unit: str
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    truth: float = float("nan")


def draw_errors(panels: Sequence[tuple[str, Table]], baselines: Sequence[str], most: int = 14) -> Figure:
    """Draw mean errors of contenders as bars, the best on top, with 95 % intervals of the difference.

    Parameters
    ----------
    panels
        Title, and a table of `pipeline.results.tables.comparison.compare`, for each kind of forecast.
    baselines
        Names of those contenders that are baselines.
    most
        Contenders shown; the best baseline is always among them.
    """
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    shown = [_best(table, most) for _, table in panels]
    height = max(len(table) for table in shown)
    figure = Figure(figsize=(12.0, rows * (0.9 + 0.26 * height)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for panel, ((title, _), table) in enumerate(zip(panels, shown, strict=True)):
        _draw_bars(grid[divmod(panel, columns)], table, baselines, title)
    for unused in grid.ravel()[len(panels) :]:
        unused.set_visible(False)
    return figure


def draw_horizons(panels: Sequence[tuple[str, Table]], baselines: Sequence[str], models: int = 3) -> Figure:
    """Draw errors by periods ahead: the best models in colour, all baselines in grey.

    Parameters
    ----------
    panels
        Title, and a table of `pipeline.results.summary.errors.by_horizon`, for each kind of future.
    baselines
        Names of those contenders that are baselines.
    models
        Models shown: those with the smallest mean error over the horizons.
    """
    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (title, table) in zip(grid, panels, strict=True):
        _draw_lines(axes, table, baselines, models)
        panel_title(axes, title, 12.0 / len(panels), loc="left")
    grid[0].set_ylabel("rmse of share", fontsize=8)
    head(figure, "", grid[0])
    return figure


def draw_pit(panels: Sequence[tuple[str, np.ndarray]], baselines: Sequence[bool]) -> Figure:
    """Draw histograms of probability integral transforms; even bars are right.

    Parameters
    ----------
    panels
        Title, and counts (bin,).
    baselines
        Whether each is of a baseline, which is drawn in grey.
    """
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(12.0, 2.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, (title, counts), grey in zip(grid.ravel(), panels, baselines, strict=False):
        density = counts * counts.size / max(counts.sum(), 1)
        colour = _BASELINE if grey else _MODEL
        left = np.arange(counts.size) / counts.size
        axes.bar(left, density, 1.0 / counts.size, align="edge", color=colour, alpha=0.85)
        axes.axhline(1.0, color=_INK, linewidth=1.0, linestyle="--")
        axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
        axes.set_xlabel("place in the forecast distribution", fontsize=8)
        panel_title(axes, title, 12.0 / columns, loc="left")
        small_ticks(axes)
        axes.spines[["top", "right"]].set_visible(False)
    for unused in grid.ravel()[len(panels) :]:
        unused.set_visible(False)
    grid[0][0].set_ylabel("against even", fontsize=8)
    return figure


def draw_coverage(contenders: Sequence[tuple[str, np.ndarray]], baselines: Sequence[bool]) -> Figure:
    """Draw how many shares bands of every width held; on the diagonal, as many as they should.

    Parameters
    ----------
    contenders
        Name, and counts (bin,) of probability integral transforms, an even number of bins.
    baselines
        Whether each is a baseline, which is drawn in grey.
    """
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.0, 1.0], [0.0, 1.0], color=_INK, linewidth=1.0, linestyle="--", label="as it should be")
    styles = ("-", "--", ":", "-.")
    for number, ((name, counts), grey) in enumerate(zip(contenders, baselines, strict=True)):
        half = counts.size // 2
        pairs = counts[:half][::-1] + counts[half:]
        held = np.concatenate([[0.0], np.cumsum(pairs) / max(counts.sum(), 1)])
        axes.plot(
            np.linspace(0.0, 1.0, held.size), held, marker="o", markersize=3, label=name,
            color=_BASELINE if grey else f"C{number % 4}", linestyle=styles[number % len(styles)],
        )  # fmt: skip
    axes.set_xlabel("probability that the band states", fontsize=8)
    axes.set_ylabel("part of the shares that it held", fontsize=8)
    small_ticks(axes)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return figure


def draw_estimates(params: Sequence[ParameterEstimates], most: int = 60) -> Figure:
    """Draw the estimates of parameters in all markets, each sorted by size, with their 95 % intervals.

    Parameters
    ----------
    params
        What to draw, one panel each.
    most
        Markets in a panel; of more, evenly spaced ranks are drawn.
    """
    rows = -(-len(params) // _COLUMNS)
    figure = Figure(figsize=(12.0, 0.2 + 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    for axes, estimates in zip(grid.ravel(), params, strict=False):
        _draw_sorted(axes, estimates, most)
    for unused in grid.ravel()[len(params) :]:
        unused.set_visible(False)
    return figure


def _best(table: Table, most: int) -> Table:
    keep = np.arange(len(table)) < most
    # The reference must be seen.
    return table.take(keep | (table["model"] == table["against"]))


def _draw_bars(axes: "Axes", table: Table, baselines: Sequence[str], title: str) -> None:
    names = [str(name) for name in table["model"]]
    height = np.arange(len(names))[::-1]
    colours = [_BASELINE if name in baselines else _MODEL for name in names]
    axes.barh(height, table["error"], color=colours, height=0.62, alpha=0.85)
    for row, error in zip(height, table["error"], strict=True):
        axes.annotate(
            f"{error:.4g}", (error, row), (3, 0), textcoords="offset points", va="center", fontsize=7
        )
    axes.set_yticks(height, names, fontsize=8)
    panel_title(axes, title, 5.0, loc="left")
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.1)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_lines(axes: "Axes", table: Table, baselines: Sequence[str], models: int) -> None:
    steps = [int(name.split()[0]) for name in table.columns if name != "model"]
    errors = np.column_stack([column for name, column in table.columns.items() if name != "model"])
    names = [str(name) for name in table["model"]]
    mean = errors.mean(axis=1)
    best = [row for row in np.argsort(mean, kind="stable") if names[row] not in baselines][:models]
    styles = ("-", "--", ":", "-.", (0, (1, 3)), (0, (6, 2, 1, 2)))
    for rank, row in enumerate([row for row, name in enumerate(names) if name in baselines]):
        style = styles[rank % len(styles)]
        axes.plot(steps, errors[row], color=_MUTED, linewidth=1.2, linestyle=style, label=names[row])
    for rank, row in enumerate(best):
        axes.plot(
            steps, errors[row], color=f"C{rank}", linewidth=2, marker="o", markersize=4, label=names[row]
        )
    axes.set_ylim(bottom=0.0)
    axes.set_xticks(steps)
    small_ticks(axes)
    axes.set_xlabel("periods ahead", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_sorted(axes: "Axes", estimates: ParameterEstimates, most: int) -> None:
    order = np.argsort(estimates.value, kind="stable")
    order = order[evenly_spread(order.size, most)]
    value, low, high = estimates.value[order], estimates.low[order], estimates.high[order]
    rank = np.arange(value.size)
    axes.hlines(rank, low, high, color="C0", alpha=0.45, linewidth=1.5 if value.size > 25 else 2.5)
    axes.plot(value, rank, linestyle="none", marker="o", markersize=3, color="C0")
    if not np.isnan(estimates.truth):
        axes.axvline(estimates.truth, color="C1", linewidth=1.2)
    decades_axis(axes, "x", value)
    if axes.get_xscale() == "linear":
        _look_at(axes, value, low, high, estimates.truth)
        axes.axvline(0.0, color=_LINE, linewidth=0.8, zorder=0)
        axes.locator_params(axis="x", nbins=4)
    axes.set_yticks([])
    panel_title(axes, with_unit(estimates.param, estimates.unit), 12.0 / _COLUMNS)
    small_ticks(axes)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _look_at(axes: "Axes", value: np.ndarray, low: np.ndarray, high: np.ndarray, truth: float) -> None:
    """Choose limits that a few endless intervals do not blow up."""
    ends = np.concatenate([value, [truth]])
    ends = ends[np.isfinite(ends)]
    half = np.nanmedian(high - low) if np.isfinite(high - low).any() else 0.0
    bottom, top = float(ends.min() - half), float(ends.max() + half)
    left, right = axes.get_xlim()
    pad = 0.05 * (top - bottom)
    if pad > 0.0:
        axes.set_xlim(max(left, bottom - pad), min(right, top + pad))
