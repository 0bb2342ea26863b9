"""The section that draws the calibrated market function f."""

from pipeline.errors import QueryError
from pipeline.reporting.blocks import Block, Picture, Section, Text
from pipeline.reporting.plots.market import draw_curves
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.subject import MarketsSubject
from pipeline.reporting.words import shown_markets
from pipeline.results.curves import known_curves

_ANCHOR, _TITLE = "function", "The market function f"
_NOTE = (
    "f is effective investment per unit of sales and period; only differences between firms move shares. "
    "A curve is drawn over the range of the effort that was seen; a band that is missing means that the "
    "data do not determine a parameter that matters for it. Where they do not determine the level of f, "
    "it is drawn against its value at the median of the effort."
)


def market_function(subject: MarketsSubject) -> Section:
    """Draw the calibrated f against each effort, with 95 % bands, in the markets shown."""
    shown = subject.shown
    if shown.model is None:
        text = "No model has a usable fit, so there is no market function to show."
        return Section(_ANCHOR, _TITLE, (Text(text, "warning"),))
    blocks: list[Block] = [Text(shown_markets(shown))]
    for number, (market, why) in enumerate(shown.markets):
        try:
            curves = known_curves(subject.results, market, shown.model)
        except QueryError as error:
            blocks.append(Text(f"Market {market}: {error}", "warning"))
            continue
        names = ", ".join(curve.effort for curve in curves)
        label = f"The market function of market {market} against {names}, with 95 % bands"
        caption = (
            f"Market {market} ({why}): {curves[0].measure} against one effort, the others at their medians."
        )
        blocks.append(Picture(inline_svg(draw_curves(curves), label, f"f{number}"), caption))
    return Section(_ANCHOR, _TITLE, (*blocks, Text(_NOTE, "note")))
