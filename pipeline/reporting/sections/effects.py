"""The section that draws how shares follow efforts."""

from typing import TYPE_CHECKING

from pipeline.errors import QueryError
from pipeline.reporting.blocks import Block, Picture, Section, Text
from pipeline.reporting.plots.causes import draw_effects
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.subject import MarketsSubject
from pipeline.reporting.words import shown_markets
from pipeline.results.effects.assumption import assumption_of

if TYPE_CHECKING:
    import xarray as xr

# So many squares beside each other can be read.
_MOST_COLUMNS = 24
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
            found = estimate(subject.results, markets=[market], model=shown.model).isel(market=0)
            drawn = [(names, draw_effects(found.sel(effort=names))) for names in _together(found)]
        except QueryError as error:
            blocks.append(Text(f"Market {market}: {error}", "warning"))
            continue
        for part, (names, figure) in enumerate(drawn):
            label = f"Elasticities of shares in {', '.join(names)}, own and cross, in market {market}"
            caption = f"Market {market} ({why}): {', '.join(names)}."
            blocks.append(Picture(inline_svg(figure, label, f"e{number}x{part}"), caption))
    blocks.append(Text(_NOTE, "note"))
    if assumption := assumption_of(subject.results):
        blocks.append(Text(assumption, "warning"))
    return Section("effects", "How shares follow efforts", tuple(blocks))


def _together(found: "xr.Dataset") -> list[list[str]]:
    """Give the efforts that one picture shows: all of them, each alone where that would be too wide."""
    names = [str(name) for name in found["effort"].values]
    wide = len(names) * found.sizes["effort_of"] > _MOST_COLUMNS
    return [[name] for name in names] if wide else [names]
