"""Parameters through the vintages of a store, and what moved since the one before."""

from collections.abc import Iterator

from pipeline.errors import BeedError
from pipeline.explore.reply import Page
from pipeline.explore.visit import Visit
from pipeline.reporting.blocks import Block, Picture, Text, grid
from pipeline.reporting.choice import choose
from pipeline.reporting.plots.history import draw_history
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.sections.drift import drift as drift_section
from pipeline.reporting.subject import ReportSubject
from pipeline.results.history import history
from pipeline.results.summary.summary import Summary
from pipeline.results.vintages import Vintage, vintages_of

_ROWS = 60
_NONE = (
    "The store has no vintages. `beed recalibrate STUDY --date D` makes one; from the second on, drift is "
    "measured."
)


def drift(visit: Visit) -> Page:
    """Show parameters through the vintages, and the drift of the newest one."""
    results = visit.view.results
    known = vintages_of(results.tags, results.sweep.study)
    fields = {key: visit.query.get(key, "").strip() for key in ("market", "model", "param")}
    values = {
        "vintages": tuple(str(vintage.date) for vintage in known),
        "models": results.models,
        "fields": fields,
        "blocks": lambda: _blocks(visit, known, fields),
    }
    return Page("drift.html", "Drift", values)


def _blocks(visit: Visit, known: tuple[Vintage, ...], fields: dict[str, str]) -> Iterator[Block]:
    if not known:
        yield Text(_NONE, "note")
        return
    try:
        yield from visit.view.once(("history", *fields.values()), lambda: tuple(_history(visit, fields)))
        yield from _moved(visit, fields["model"] or None)
    except BeedError as error:
        yield Text(str(error), "warning")


def _history(visit: Visit, fields: dict[str, str]) -> Iterator[Block]:
    results = visit.view.results
    table = history(
        results.store,
        study=results.sweep.study,
        market=[fields["market"]] if fields["market"] else None,
        model=fields["model"] or None,
        param=fields["param"] or None,
    )
    model = str(table["model"][0])
    what = f"market {fields['market']}" if fields["market"] else "all markets"
    try:
        svg = inline_svg(draw_history(table), f"Parameters of {what} by vintage, as lines", "history")
        yield Picture(svg, f"Parameters of `{model}` through the vintages, {what}.")
    except BeedError as error:
        yield Text(str(error), "note")
    yield from grid("Parameters by vintage", table, rows=_ROWS, folded=True)


def _moved(visit: Visit, model: str | None) -> Iterator[Block]:
    results = visit.view.results
    summary: Summary = visit.view.once("summary", results.summary)
    shown = choose(results, summary, markets=None, model=model, limit=0)
    section = drift_section(ReportSubject(results, summary, shown))
    if section is None:
        yield Text("This sweep has no vintage before it, so nothing has moved.", "note")
    else:
        yield from section.blocks
