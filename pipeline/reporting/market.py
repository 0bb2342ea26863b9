"""The sections of a report about the calibrated model: market function, shares, parameters and intervals."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import QueryError
from pipeline.reporting.blocks import Block, Picture, Section, Text, grid
from pipeline.reporting.choice import Shown
from pipeline.reporting.plots.market import draw_curves, draw_market
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.plots.validation import Estimates, draw_estimates
from pipeline.results.curves import response_curves
from pipeline.results.select import select_markets
from pipeline.results.tables.frame import Table

if TYPE_CHECKING:
    from pipeline.results.curves import ResponseCurve
    from pipeline.results.results import ResultStore
    from pipeline.results.summary import Summary

_PANELS = 8
_Z95 = 1.959963984540054
# The best first: coverage was measured, and those that know of correlated errors hold what they promise.
_METHODS = ("autoregressive", "bootstrap", "hac", "profile", "mcmc", "covariance")
# Parameters of single firms come last: there are many, and a reader looks for the efforts.
_OF_FIRMS = ("constant.", "initial.")


def market_function(results: "ResultStore", shown: Shown) -> Section:
    """Draw the calibrated f against each effort, with 95 % bands, in the markets shown."""
    blocks: list[Block] = [_which(shown)]
    for number, (market, why) in enumerate(shown.markets):
        try:
            curves = _curves(results, market, str(shown.model))
        except QueryError as error:
            blocks.append(Text(f"Market {market}: {error}", "warning"))
            continue
        names = ", ".join(curve.effort for curve in curves)
        label = f"The market function of market {market} against {names}, with 95 % bands"
        what = f"Market {market} ({why}): {curves[0].measure} against one effort"
        caption = f"{what}, the others at their medians."
        blocks.append(Picture(inline_svg(draw_curves(curves), label, f"f{number}"), caption))
    text = (
        "f is effective investment per unit of sales and period; only differences between firms move shares. "
        "A curve is drawn over the range of the effort that was seen; a band that is missing means that the "
        "data do not determine a parameter that matters for it. Where they do not determine the level of f, "
        "it is drawn against its value at the median of the effort."
    )
    return Section("function", "The market function f", (*blocks, Text(text, "note")))


def fitted_shares(results: "ResultStore", shown: Shown) -> Section:
    """Draw observed and calibrated shares of the largest firms in the markets shown."""
    blocks: list[Block] = [_which(shown)]
    for number, (market, why) in enumerate(shown.markets):
        trajectory = results.trajectories(str(shown.model)).isel(window=0).sel(market=market).load()
        label = f"Observed shares as points and calibrated shares as lines, by firm, in market {market}"
        caption = f"Market {market} ({why}): observed (points) and calibrated (line) shares."
        hidden = trajectory.sizes["firm"] - 12
        if hidden > 0:
            caption += f" The twelve largest firms; {hidden} more are not drawn."
        blocks.append(Picture(inline_svg(draw_market(trajectory, []), label, f"s{number}"), caption))
    return Section("shares", "Observed and fitted shares", tuple(blocks))


def parameters(results: "ResultStore", summary: "Summary", shown: Shown) -> Section:
    """Show estimates with intervals: in all markets as a picture, in the markets shown as tables."""
    model = str(shown.model)
    table = results.tables.params([model])
    table = table.take(table["window"] == summary.window)
    method, ends = _intervals(results, model)
    truth = {row[1]: float(row[2]) for row in summary.recovered.rows() if row[0] == model}
    names = _sorted_names(table)
    free = _drawn_names(table, names)
    found = [_estimates(table, name, ends, truth.get(name, np.nan)) for name in free[:_PANELS]]
    blocks: list[Block] = []
    if found and shown.usable > 1:
        text = f"Estimates in all markets, sorted, with 95 % intervals ({method})"
        caption = f"{text}." + (" The upright line is the truth of the simulation." if truth else "")
        caption += f" The first {_PANELS} of {len(free)} parameters." if len(free) > _PANELS else ""
        blocks.append(Picture(inline_svg(draw_estimates(found), text, "estimates"), caption))
    if shown.usable > 1:
        blocks += grid("Over the markets", _over_markets(table, names, ends), rows=40)
    for market, why in shown.markets:
        blocks += grid(f"Market {market} ({why})", _of_market(results, summary, model, market), rows=40)
    blocks.append(
        Text(
            "A missing standard error or interval: fixed, at a bound, or not determined by the data.", "note"
        )
    )
    return Section("parameters", "Parameters and intervals", tuple(blocks))


def _curves(results: "ResultStore", market: object, model: str) -> tuple["ResponseCurve", ...]:
    """Give f where its level is known, else what it is against that at the median."""
    curves = response_curves(results, market, model)
    if all(curve.has_level for curve in curves):
        return curves
    return response_curves(results, market, model, relative=True)


def _which(shown: Shown) -> Text:
    count = len(shown.markets)
    if count >= shown.usable:
        return Text(f"Model `{shown.model}`.")
    return Text(
        f"Model `{shown.model}`. Shown are {count} of {shown.usable} markets, by how well the model fits "
        "them; `beed report STORE --market M` shows others."
    )


def _intervals(results: "ResultStore", model: str) -> tuple[str, Table]:
    """Give the 95 % intervals of the most trustworthy method that the store has."""
    table = results.tables.intervals([model])
    table = table.take((table["window"] == results.tables.labels("window")[0]) & (table["level"] == 0.95))
    known = set(table["method"].tolist())
    method = next((name for name in _METHODS if name in known), "1.96 standard errors")
    return method, table.take(table["method"] == method)


def _sorted_names(table: Table) -> list[str]:
    names = dict.fromkeys(table["param"].tolist())
    return sorted(names, key=lambda name: str(name).startswith(_OF_FIRMS))


def _drawn_names(table: Table, names: list[str]) -> list[str]:
    """Leave out what is known of no market, fixed or undetermined, and firms' own where there is more."""
    known = {
        name for name, error in zip(table["param"].tolist(), table["stderr"], strict=True) if error >= 0.0
    }
    shared = [name for name in names if name in known and not name.startswith(_OF_FIRMS)]
    return shared or [name for name in names if name in known]


def _estimates(table: Table, name: str, ends: Table, truth: float) -> Estimates:
    own = table.take(table["param"] == name)
    half = _Z95 * own["stderr"]
    low, high = own["value"] - half, own["value"] + half
    places = {market: place for place, market in enumerate(own["market"].tolist())}
    bounds = ends.take(ends["param"] == name)
    for market, lower, upper in zip(bounds["market"].tolist(), bounds["lower"], bounds["upper"], strict=True):
        if market in places:
            low[places[market]], high[places[market]] = lower, upper
    return Estimates(name, str(own["unit"][0]), own["value"], low, high, truth)


def _over_markets(table: Table, names: list[str], ends: Table) -> Table:
    rows = []
    for name in names:
        own = _estimates(table, name, ends, np.nan)
        known = ~np.isnan(own.low + own.high)
        apart = int(np.sum((own.low > 0.0) | (own.high < 0.0)))
        low, middle, high = np.percentile(own.value, [10, 50, 90]).tolist()
        rows.append((name, own.unit, middle, low, high, own.value.size, apart, int(np.sum(known))))
    headings = ("param", "unit", "median", "10 %", "90 %", "markets", "interval_without_0", "of")
    return Table.from_rows(headings, rows)


def _of_market(results: "ResultStore", summary: "Summary", model: str, market: object) -> Table:
    chosen = select_markets(results.tables, [market])
    table = results.tables.params([model], chosen)
    table = table.take(table["window"] == summary.window)
    ends = results.tables.intervals([model], chosen)
    ends = ends.take((ends["window"] == summary.window) & (ends["level"] == 0.95))
    order = {name: place for place, name in enumerate(_sorted_names(table))}
    table = table.take(np.argsort([order[name] for name in table["param"].tolist()], kind="stable"))
    columns = {name: table[name] for name in ("param", "unit", "value", "stderr")}
    for method in dict.fromkeys(ends["method"].tolist()):
        own = ends.take(ends["method"] == method)
        text = {
            name: f"{lower:.4g} … {upper:.4g}"
            for name, lower, upper in zip(own["param"].tolist(), own["lower"], own["upper"], strict=True)
        }
        values = [text.get(name, "–") for name in table["param"].tolist()]
        columns[f"95 % {method}"] = np.array(values, dtype=object)
    return Table(columns)
