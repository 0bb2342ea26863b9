"""The first page: how far the sweep is, what it found."""

from pipeline.explore.reply import Page
from pipeline.explore.visit import Visit
from pipeline.reporting.blocks import Facts, Section


def overview(visit: Visit) -> Page:
    """Show how far the sweep is."""
    info = visit.view.results.sweep
    facts = Facts({"state": info.state.value, "created": info.created, "markets": str(info.n_markets)})
    return Page("sections.html", "Overview", {"sections": (Section("state", "State", (facts,)),)})
