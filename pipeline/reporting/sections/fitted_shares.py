"""The section that draws observed and calibrated shares."""

from pipeline.reporting.blocks import Block, Picture, Section, Text
from pipeline.reporting.plots.market import MOST_FIRMS, draw_market
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.subject import MarketsSubject
from pipeline.reporting.words import shown_markets


def fitted_shares(subject: MarketsSubject) -> Section | None:
    """Draw observed and calibrated shares of the largest firms in the markets shown."""
    shown = subject.shown
    if shown.model is None:
        return None
    trajectories = subject.results.trajectories(shown.model).isel(window=0)
    blocks: list[Block] = [Text(shown_markets(shown))]
    for number, (market, why) in enumerate(shown.markets):
        trajectory = trajectories.sel(market=market).load()
        label = f"Observed shares as points and calibrated shares as lines, by firm, in market {market}"
        caption = f"Market {market} ({why}): observed (points) and calibrated (line) shares."
        hidden = trajectory.sizes["firm"] - MOST_FIRMS
        if hidden > 0:
            caption += f" The {MOST_FIRMS} largest firms; {hidden} more are not drawn."
        blocks.append(Picture(inline_svg(draw_market(trajectory, []), label, f"s{number}"), caption))
    return Section("shares", "Observed and fitted shares", tuple(blocks))
