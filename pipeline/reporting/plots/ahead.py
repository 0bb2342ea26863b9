"""Drawing what is to come: shares of a forecast with their bands, and the way of a flight plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from pipeline.names import Label
from pipeline.panel.market import MarketArrays, market_arrays
from pipeline.reporting.plots.files import plot_file, save_figure
from pipeline.reporting.plots.style import broken, date_axis, head, panel_title, small_ticks
from pipeline.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pipeline.forecasting.scenario import Forecast, MarketForecast
    from pipeline.planning.flight import FlightPlan

_COLUMNS = 4
_MOST_FIRMS = 12
# Periods of the past beside each period to come.
_PAST = 3
_SEEN: dict[str, Any] = {"color": "0.35", "marker": ".", "markersize": 3, "linewidth": 0.8}


def plot_forecast(
    results: Results, made: "Forecast", out: str | Path, *, market: Label | None = None
) -> Path:
    """Draw the shares of the firms of one market: what was seen, the forecast, and its quantile bands.

    Parameters
    ----------
    results
        What the forecast was made of.
    made
        The forecast.
    out
        File to write, ``.png`` or ``.svg``.
    market
        Label of the market; the first one when None.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file, or a market that was not forecast.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    one = made.markets[0] if market is None else made.market(market)
    figure = draw_forecast(made, one, market_arrays(results.panel(), one.market))
    return save_figure(figure, target)


def draw_forecast(made: "Forecast", one: "MarketForecast", past: MarketArrays) -> Figure:
    """Draw one market of a forecast, one panel a firm: those with a plan first, then the largest."""
    entering = np.array([str(firm) in made.scenario.entrants for firm in one.firms.tolist()])
    planned = np.array([str(firm) in made.scenario.firms for firm in one.firms.tolist()]) | entering
    order = np.lexsort((-one.share[-1], ~planned))[:_MOST_FIRMS]
    columns = min(_COLUMNS, order.size)
    rows = -(-order.size // columns)
    figure = Figure(figsize=(3.0 * columns, 0.6 + 2.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes in panels[order.size :]:
        axes.remove()
    seen = past.share[-_PAST * made.times.size :]
    times = past.times[-len(seen) :]
    for axes, firm in zip(panels, order.tolist(), strict=False):
        if not entering[firm]:
            column = past.firms.tolist().index(one.firms[firm])
            axes.plot(*broken(times, seen[:, column]), label="observed", **_SEEN)
        _draw_bands(axes, made, one, firm)
        axes.plot(made.times, one.share[:, firm], color="C0", linewidth=1.4, label="at the estimates")
        title = " (enters)" if entering[firm] else " (plan)" if planned[firm] else ""
        panel_title(axes, f"{one.firms[firm]}{title}", 3.0)
        _tidy(axes)
    panels[0].set_ylabel("share", fontsize=8)
    # Who enters has no past.
    legend = panels[min(int(entering[order].sum()), order.size - 1)]
    head(figure, f"{made.scenario.scenario}: market {one.market}, shares", legend)
    return figure


def _draw_bands(axes: "Axes", made: "Forecast", one: "MarketForecast", firm: int) -> None:
    """Shade between quantiles that belong together, and draw the median."""
    if not one.share_quantile.size:
        return
    levels = np.array(made.scenario.quantiles)
    order = np.argsort(levels)
    bands = one.share_quantile[order][:, :, firm]
    for low in range(levels.size // 2):
        high = levels.size - 1 - low
        label = f"{levels[order[low]]:.0%} to {levels[order[high]]:.0%}"
        axes.fill_between(
            made.times, bands[low], bands[high], color="C0", alpha=0.18, linewidth=0, label=label
        )
    if levels.size % 2:
        axes.plot(made.times, bands[levels.size // 2], color="C0", linewidth=0.9, linestyle=":")


def plot_plan(results: Results, flight: "FlightPlan", out: str | Path) -> Path:
    """Draw a flight plan: the share, the money, and what the firm does with each effort.

    Parameters
    ----------
    results
        What the plan was made of.
    flight
        The plan.
    out
        File to write, ``.png`` or ``.svg``.

    Raises
    ------
    QueryError
        Another kind of file.
    StoreError
        The file cannot be written.
    """
    target = plot_file(out)
    return save_figure(draw_plan(flight, market_arrays(results.panel(), flight.market)), target)


def draw_plan(flight: "FlightPlan", past: MarketArrays) -> Figure:
    """Draw a flight plan beside the past of its market."""
    firm = past.firms.tolist().index(flight.firm)
    seen = slice(-_PAST * flight.times.size, None)
    times = past.times[seen]
    levers = [flight.efforts.index(name) for name in flight.levers]
    count = 2 + len(levers)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.4 * columns, 0.6 + 2.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.remove()
    share, money = panels[:2]
    share.plot(*broken(times, past.share[seen, firm]), label="observed", **_SEEN)
    share.plot(flight.times, flight.plan.course.share[:, flight.place], color="C0", label=flight.path)
    share.plot(
        flight.times, flight.hold.course.share[:, flight.place], color="C1", linestyle="--", label="hold"
    )
    share.plot(
        flight.times[flight.way - 1 : flight.way],
        [flight.target],
        color="C3",
        marker="x",
        linestyle="none",
        label="target",
    )
    share.set_title("share", fontsize=9)
    money.step(flight.times, flight.plan.expenses, where="mid", color="C0")
    money.step(flight.times, flight.hold.expenses, where="mid", color="C1", linestyle="--")
    money.set_title("expenses per period", fontsize=9)
    money.set_ylim(bottom=min(0.0, money.get_ylim()[0]))
    for axes, effort in zip(panels[2:], levers, strict=False):
        axes.plot(*broken(times, past.efforts[effort, seen, firm]), **_SEEN)
        axes.step(flight.times, flight.plan.course.chosen[effort, :, flight.place], where="mid", color="C0")
        axes.set_title(flight.efforts[effort], fontsize=9)
    for axes in panels[:count]:
        _tidy(axes)
    head(figure, f"{flight.firm}, market {flight.market}, model {flight.model}", share)
    return figure


def _tidy(axes: "Axes") -> None:
    small_ticks(axes)
    date_axis(axes)
    axes.locator_params(axis="y", nbins=5)
