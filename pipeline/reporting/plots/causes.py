"""Drawing what moves shares: heat maps of elasticities, waterfalls of contributions."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from pipeline.errors import QueryError
from pipeline.reporting.plots.files import plot_file, save_figure
from pipeline.reporting.plots.style import decades_axis, head, panel_title, small_ticks

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_CELL = 0.52
_WIDEST = 12.0
_MOST_LABELLED = 14
_MOST_BARS = 14
_MOST_LINES = 6
_COLUMNS = 4


def plot_effects(found: "xr.Dataset", out: str | Path) -> Path:
    """Draw a heat map of the elasticities of the first market, one panel a horizon and effort.

    Parameters
    ----------
    found
        From `pipeline.causes.effects.effects`.
    out
        File to write, ``.png`` or ``.svg``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    return save_figure(draw_effects(found.isel(market=0)), target)


def draw_effects(one: "xr.Dataset") -> Figure:
    """Draw the elasticities of one market: rows whose share, columns whose effort, blue up and red down.

    Raises
    ------
    QueryError
        Nothing is known.
    """
    horizons, efforts = one["horizon"].values.tolist(), one["effort"].values.tolist()
    n_rows, n_columns = one.sizes["share_of"], one.sizes["effort_of"]
    if not np.isfinite(one["value"].values).any():
        raise QueryError("There is no elasticity to draw.")
    width = max(1.9, _CELL * n_columns + 0.4)
    height = max(1.2, 0.26 * n_rows + 0.3)
    # Efforts beside one another where a page has room for that, else below.
    beside = len(efforts) * width <= _WIDEST or len(horizons) >= len(efforts)
    across, down = (efforts, horizons) if beside else (horizons, efforts)
    size = (len(across) * width + 1.4, len(down) * height + 1.3)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(down), len(across), squeeze=False, sharex=True, sharey=True)
    for row, below in enumerate(down):
        for column, right in enumerate(across):
            axes = panels[row, column]
            effort, horizon = (right, below) if beside else (below, right)
            cell = one.sel(horizon=horizon, effort=effort)
            _draw_matrix(axes, cell, n_rows * n_columns <= _MOST_LABELLED**2)
            panel_title(axes, f"{effort}, {horizon.replace('_', ' ')}", width)
            if column == 0:
                axes.set_yticks(range(n_rows), [str(firm) for firm in one["share_of"].values], fontsize=7)
            if row == len(down) - 1:
                labels = [str(firm) for firm in one["effort_of"].values]
                axes.set_xticks(range(n_columns), labels, fontsize=7, rotation=60, ha="right")
    figure.supylabel("share of", fontsize=8)
    figure.supxlabel("effort of", fontsize=8)
    return figure


def _draw_matrix(axes: "Axes", cell: "xr.Dataset", labelled: bool) -> None:
    """Draw squares, not an image: drawings of the report are all vectors."""
    values = cell["value"].transpose("share_of", "effort_of").values
    sure = (cell["low"] > 0.0) | (cell["high"] < 0.0)
    certain = sure.transpose("share_of", "effort_of").values
    largest = np.nanmax(np.abs(values), initial=0.0) or 1.0
    for row, column in np.argwhere(np.isfinite(values)).tolist():
        value = values[row, column]
        axes.fill_between(
            [column - 0.5, column + 0.5],
            row - 0.5,
            row + 0.5,
            color="C0" if value > 0.0 else "C3",
            alpha=0.08 + 0.72 * abs(value) / largest,
            linewidth=0,
        )
        if labelled:
            axes.text(
                column, row, f"{value:.2g}", fontsize=6, ha="center", va="center", color="black",
                weight="bold" if certain[row, column] else "normal",
            )  # fmt: skip
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_color("0.8")


def plot_explained(found: "xr.Dataset", out: str | Path) -> Path:
    """Draw what moved a share and its sales as waterfalls: before, the causes from the largest on, after.

    Parameters
    ----------
    found
        From `pipeline.causes.explain.explain`.
    out
        File to write, ``.png`` or ``.svg``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    return save_figure(draw_explained(found), target)


def draw_explained(found: "xr.Dataset") -> Figure:
    """Draw a waterfall of the share and one of the sales; small causes are put together."""
    measures = found["measure"].values.tolist()
    figure = Figure(figsize=(4.6 * len(measures), 0.26 * (_MOST_BARS + 3) + 1.0), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, measure in zip(panels, measures, strict=True):
        _draw_waterfall(axes, found.sel(measure=measure))
        axes.set_title(measure, fontsize=9)
    attrs = found.attrs
    against = f", against {attrs['reference']}" if attrs["reference"] else ""
    title = f"{attrs['firm']}, market {attrs['market']}: {attrs['from']} to {attrs['to']}{against}"
    head(figure, title)
    return figure


def _draw_waterfall(axes: "Axes", one: "xr.Dataset") -> None:
    values, names = one["value"].values, one["cause"].values.astype(str)
    low, high = one["low"].values - values, one["high"].values - values
    places = [place for place in range(1, values.size - 1) if values[place] != 0.0]
    places.sort(key=lambda place: -abs(values[place]))
    rest = float(values[places[_MOST_BARS:]].sum()) if len(places) > _MOST_BARS else 0.0
    shown = places[:_MOST_BARS]
    before, after = float(values[0]), float(values[-1])
    _draw_end(axes, before, 0)
    level, labels = before, [names[0], *names[shown]]
    for row, place in enumerate(shown, 1):
        value = float(values[place])
        axes.barh(row, value, left=level, color="C0" if value > 0.0 else "C3", height=0.7, alpha=0.75)
        if np.isfinite(low[place]):
            level_after = level + value
            ends = [level_after + low[place], level_after + high[place]]
            axes.plot(ends, [row, row], color="black", linewidth=0.9)
        axes.plot([level + value] * 2, [row - 0.35, row + 1.35], color="0.8", linewidth=0.7, zorder=0)
        level += value
    if len(places) > _MOST_BARS:
        row = len(labels)
        axes.barh(row, rest, left=level, color="C0" if rest > 0.0 else "C3", height=0.7, alpha=0.4)
        labels.append(f"{len(places) - _MOST_BARS} others")
    _draw_end(axes, after, len(labels))
    labels.append(names[-1])
    axes.use_sticky_edges = False
    axes.margins(x=0.12, y=0.03)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.invert_yaxis()
    small_ticks(axes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def plot_returns(found: "xr.Dataset", out: str | Path) -> Path:
    """Draw what a further unit of money brings against the money spent, a panel an effort, a line a firm.

    Parameters
    ----------
    found
        From `pipeline.causes.returns.returns`.
    out
        File to write, ``.png`` or ``.svg``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    return save_figure(draw_returns(found), target)


def draw_returns(found: "xr.Dataset") -> Figure:
    """Draw the return curves of the efforts; a dot is the present level."""
    efforts, marginal = found["effort"].values.tolist(), str(found["quantity"].values[-1])
    columns = min(len(efforts), _COLUMNS)
    rows = -(-len(efforts) // columns)
    figure = Figure(figsize=(max(3.2 * columns, 6.0), 0.4 + 2.8 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(efforts) :]:
        axes.remove()
    for axes, effort in zip(panels, efforts, strict=False):
        for number, firm in enumerate(found["firm"].values.tolist()[:_MOST_LINES]):
            one = found.sel(effort=effort, firm=firm)
            money = one["value"].sel(quantity="money").values
            value, low, high = (one[name].sel(quantity=marginal).values for name in ("value", "low", "high"))
            axes.plot(money, value, color=f"C{number}", linewidth=1.2, label=str(firm))
            axes.fill_between(money, low, high, color=f"C{number}", alpha=0.15, linewidth=0)
            now = found["level"].values.tolist().index(1.0)
            axes.plot(money[now], value[now], color=f"C{number}", marker="o", markersize=4)
        axes.axhline(0.0 if marginal == "marginal_profit" else 1.0, color="0.8", linewidth=0.8, zorder=0)
        spent = found["value"].sel(effort=effort, quantity="money")
        decades_axis(axes, "x", spent.isel(firm=slice(_MOST_LINES)).values)
        panel_title(axes, str(effort), 3.2)
        small_ticks(axes)
    figure.supylabel(f"{marginal.replace('_', ' ')} per unit of money", fontsize=8)
    figure.supxlabel("money per period", fontsize=8)
    head(figure, f"Market {found.attrs['market']}, {found.attrs['model']}", panels[0])
    return figure


def _draw_end(axes: "Axes", value: float, row: int) -> None:
    """Draw a point, not a bar from 0: what moved a share is small beside it."""
    axes.plot([value], [row], marker="D", color="0.35", markersize=6)
    axes.annotate(f"{value:.4g}", (value, row), (7, 0), textcoords="offset points", fontsize=7, va="center")
