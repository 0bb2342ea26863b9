"""The section that draws how shares follow efforts."""

from pipeline.errors import QueryError
from pipeline.reporting.blocks import Block, Picture, Section, Text
from pipeline.reporting.plots.causes import draw_effects
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.subject import MarketsSubject
from pipeline.reporting.words import shown_markets
from pipeline.results.effects.assumption import assumption_of

_NOTE = (
    "Rows: whose share; columns: whose effort. Numbers are changes of ln share by those of ln effort (of "
    "the effort itself where it is an index), means over the periods; bold ones differ from 0 at 95 %. On "
    "impact: effort of one period, share at its end. `beed effects` and `beed explain` give intervals, "
    "dates and what moved a share."
)


def effects(subject: MarketsSubject) -> Section | None:
    """Draw elasticities on impact and in the long run in the markets shown."""
    # What computes is imported where a page is made, not with all that may be on one.
    from pipeline.causes.effects import effects as estimate

    shown = subject.shown
    if shown.model is None:
        return None
    blocks: list[Block] = [Text(shown_markets(shown))]
    for number, (market, why) in enumerate(shown.markets):
        try:
            found = estimate(subject.results, markets=[market], model=shown.model)
            drawn = draw_effects(found.isel(market=0))
        except QueryError as error:
            blocks.append(Text(f"Market {market}: {error}", "warning"))
            continue
        label = f"Elasticities of shares in efforts, own and cross, in market {market}"
        blocks.append(Picture(inline_svg(drawn, label, f"e{number}"), f"Market {market} ({why})."))
    blocks.append(Text(_NOTE, "note"))
    if assumption := assumption_of(subject.results):
        blocks.append(Text(assumption, "warning"))
    return Section("effects", "How shares follow efforts", tuple(blocks))
