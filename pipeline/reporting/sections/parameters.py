"""The section about the estimates of the parameters, with their intervals."""

import numpy as np

from pipeline.config.parameters import of_firm
from pipeline.config.sections.uncertainty import most_trusted
from pipeline.names import Label
from pipeline.reporting.blocks import Block, Picture, Section, Text, grid
from pipeline.reporting.cells import MISSING, cell_range
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.plots.validation import ParameterEstimates, draw_estimates
from pipeline.reporting.subject import ReportSubject
from pipeline.results.frames.table import Table
from pipeline.results.intervals import LEVEL, normal_interval
from pipeline.results.results import Results
from pipeline.results.select import select_markets
from pipeline.results.tables.fits import params
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables
from pipeline.results.tables.uncertainty import intervals

_PANELS = 8
_NOTE = (
    "The column `recommended` names the method whose interval to trust, or says why there is none; a value "
    "that the data do not determine is left out."
)


def parameters(subject: ReportSubject) -> Section | None:
    """Show estimates with intervals: in all markets as a picture, in the markets shown as tables."""
    results, shown = subject.results, subject.shown
    if shown.model is None:
        return None
    blocks: list[Block] = []
    if shown.usable > 1:
        blocks += _all_markets(subject, shown.model)
    for market, why in shown.markets:
        blocks += market_parameters(results, shown.model, market, f"Market {market} ({why})")
    return Section("parameters", "Parameters and intervals", (*blocks, Text(_NOTE, "note")))


def market_parameters(results: Results, model: str, market: Label, title: str) -> tuple[Block, ...]:
    """Show the parameters of one market, with their intervals by each method."""
    return grid(title, _of_market(results, model, market), rows=40)


def _all_markets(subject: ReportSubject, model: str) -> list[Block]:
    """Show the estimates of all markets, with the intervals of the most trustworthy method."""
    tables, recovered = subject.results.tables, subject.summary.recovered
    table, known = _first_window(tables, model)
    method = most_trusted(known["method"].tolist())
    ends = known.take(known["method"] == method)
    truth = {row[1]: float(row[2]) for row in recovered.rows() if row[0] == model}
    names = _sorted_names(table)
    free = _drawn_names(table, names)
    drawn = [_estimates(table, name, ends, truth.get(name, np.nan)) for name in free[:_PANELS]]
    blocks: list[Block] = []
    if drawn:
        text = f"Estimates in all markets, sorted, with 95 % intervals ({method or '1.96 standard errors'})"
        caption = f"{text}." + (" The upright line is the truth of the simulation." if truth else "")
        caption += f" The first {_PANELS} of {len(free)} parameters." if len(free) > _PANELS else ""
        blocks.append(Picture(inline_svg(draw_estimates(drawn), text, "estimates"), caption))
    return [*blocks, *grid("Over the markets", _over_markets(table, names, ends), rows=40)]


def _first_window(tables: SweepTables, model: str, markets: Selection = ALL_MARKETS) -> tuple[Table, Table]:
    """Parameters of the fits to all periods, and their 95 % intervals by all methods."""
    table, ends = params(tables, [model], markets), intervals(tables, [model], markets)
    return (
        table.take(table["window"] == tables.first_window),
        ends.take((ends["window"] == tables.first_window) & (ends["level"] == LEVEL)),
    )


def _sorted_names(table: Table) -> list[str]:
    names = dict.fromkeys(table["param"].tolist())
    # Those of single firms come last: there are many, and a reader looks for the efforts.
    return sorted(names, key=of_firm)


def _drawn_names(table: Table, names: list[str]) -> list[str]:
    """Leave out what is known of no market, fixed or undetermined, and firms' own where there is more."""
    known = {
        name for name, error in zip(table["param"].tolist(), table["stderr"], strict=True) if error >= 0.0
    }
    shared = [name for name in names if name in known and not of_firm(name)]
    return shared or [name for name in names if name in known]


def _estimates(table: Table, name: str, ends: Table, truth: float = np.nan) -> ParameterEstimates:
    """Give one parameter with the intervals that are stored, where they are not from standard errors."""
    estimates = table.take(table["param"] == name)
    low, high = normal_interval(estimates["value"], estimates["stderr"])
    places = {market: place for place, market in enumerate(estimates["market"].tolist())}
    stored = ends.take(ends["param"] == name)
    for market, lower, upper in zip(stored["market"].tolist(), stored["lower"], stored["upper"], strict=True):
        if market in places:
            low[places[market]], high[places[market]] = lower, upper
    return ParameterEstimates(name, str(estimates["unit"][0]), estimates["value"], low, high, truth)


def _over_markets(table: Table, names: list[str], ends: Table) -> Table:
    rows = []
    for name in names:
        estimates = _estimates(table, name, ends)
        known = ~np.isnan(estimates.low + estimates.high)
        apart = int(np.sum((estimates.low > 0.0) | (estimates.high < 0.0)))
        value = estimates.value[~np.isnan(estimates.value)]
        low, middle, high = np.percentile(value, [10, 50, 90]).tolist() if value.size else [np.nan] * 3
        count = value.size
        rows.append((name, estimates.unit, middle, low, high, count, apart, int(np.sum(known))))
    headings = ("param", "unit", "median", "10 %", "90 %", "markets", "interval_without_0", "of")
    return Table.from_rows(headings, rows)


def _of_market(results: Results, model: str, market: Label) -> Table:
    """Give the parameters of one market, and their intervals by each method beside each other."""
    table, ends = _first_window(results.tables, model, select_markets(results.tables, [market]))
    order = {name: place for place, name in enumerate(_sorted_names(table))}
    table = table.take(np.argsort([order[name] for name in table["param"].tolist()], kind="stable"))
    columns = dict(table.select(("param", "unit", "value", "stderr", "recommended")).columns)
    for method in dict.fromkeys(ends["method"].tolist()):
        stored = ends.take(ends["method"] == method)
        text = {
            name: cell_range(lower, upper)
            for name, lower, upper in zip(
                stored["param"].tolist(), stored["lower"], stored["upper"], strict=True
            )
        }
        values = [text.get(name, MISSING) for name in table["param"].tolist()]
        columns[f"95 % {method}"] = np.array(values, dtype=object)
    return Table(columns)
