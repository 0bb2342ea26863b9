"""Drawing parameters through the vintages."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from pipeline.errors import QueryError
from pipeline.panel.dates import LogicalDate
from pipeline.reporting.plots.files import plot_file, save_figure
from pipeline.reporting.plots.style import broken, date_axis, decades_axis, head, panel_title, small_ticks
from pipeline.results.frames.table import Table
from pipeline.results.tables.choice import POOLED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3
_MOST_PANELS = 24
_MOST_LINES = 10


def plot_history(table: Table, out: str | Path) -> Path:
    """Draw a table of `pipeline.results.history.history`.

    Parameters
    ----------
    table
        Parameters by vintage.
    out
        File to write, ``.png`` or ``.svg``.

    Returns
    -------
    Path

    Raises
    ------
    QueryError
        Another kind of file, or more parameters or markets than a picture can hold.
    StoreError
        The file cannot be written.
    """
    return save_figure(draw_history(table), plot_file(out))


def draw_history(table: Table) -> Figure:
    """Draw one panel a parameter, one line a market and model, with its band.

    Raises
    ------
    QueryError
        There are too many of them.
    """
    params = list(dict.fromkeys(table["param"].tolist()))
    lines = list(dict.fromkeys(zip(table["market"].tolist(), table["model"].tolist(), strict=True)))
    if len(params) > _MOST_PANELS or len(lines) > _MOST_LINES:
        raise QueryError(
            f"Got {len(params)} parameters of {len(lines)} markets and models to draw; at most "
            f"{_MOST_PANELS} of {_MOST_LINES} can be told apart. Choose with --param, --market and --model."
        )
    rows = -(-len(params) // _COLUMNS)
    columns = min(len(params), _COLUMNS)
    figure = Figure(figsize=(4.2 * columns + 0.4, 2.7 * rows + 0.7), layout="constrained")
    for panel, param in enumerate(params):
        axes = figure.add_subplot(rows, columns, panel + 1)
        of_param = table.take(table["param"] == param)
        for number, (market, model) in enumerate(lines):
            keep = [
                pair == (market, model) for pair in zip(of_param["market"], of_param["model"], strict=True)
            ]
            _draw(axes, of_param.take(np.array(keep, dtype=bool)), f"C{number}", _label(market, model, lines))
        panel_title(axes, str(param), 4.2)
        small_ticks(axes)
        date_axis(axes)
        axes.ticklabel_format(axis="y", useOffset=False)
        decades_axis(axes, "y", of_param["value"], of_param["low"])
    market, model = lines[0]
    band = "median and quartiles over all markets" if market == POOLED else "estimates and 95 % intervals"
    one = f", model {model}" if len({model for _, model in lines}) == 1 else ""
    where = f", market {market}" if len(lines) == 1 and market != POOLED else ""
    legend = figure.axes[0] if len(lines) > 1 else None
    head(figure, f"Parameters by vintage: {band}{where}{one}", legend)
    return figure


def _label(market: object, model: str, lines: list[tuple[object, str]]) -> str:
    several = len({model for _, model in lines}) > 1
    where = "all markets" if market == POOLED else f"market {market}"
    return f"{where}, {model}" if several else where


def _draw(axes: "Axes", table: Table, color: str, label: str) -> None:
    """Draw one parameter of one market and model."""
    dates = [LogicalDate.parse(str(text)) for text in table["date"]]
    time = np.array(
        [np.datetime64(date.key) if date.dated else date.ordinal for date in dates],
        dtype="datetime64[s]" if dates and dates[0].dated else np.int64,
    )
    numbers = (table[name].astype(float) for name in ("low", "high", "value"))
    time, low, high, value = broken(time, *numbers)
    axes.fill_between(time, low, high, color=color, alpha=0.2, linewidth=0)
    axes.plot(time, value, color=color, linewidth=1.3, marker=".", markersize=4, label=label)
