"""The first page: how far the sweep is, the verdict, and the five tables that matter most."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.errors import BeedError, StoreNotFoundError
from pipeline.explore.live import fragment, unchanged
from pipeline.explore.reply import Page
from pipeline.explore.visit import Visit
from pipeline.reporting.blocks import Block, Bullets, Text, grid

if TYPE_CHECKING:
    from pipeline.results.summary.summary import Summary

_ROWS = 12
# Seconds between two looks at the progress; findings wait longer, and the longer they take to make.
_PROGRESS_EVERY, _FINDINGS_EVERY, _FINDINGS_REST = 2.0, 5.0, 5.0


def overview(visit: Visit) -> Page:
    """Show how far the sweep is, then what was found: that may take long, and is sent after the rest."""
    sweeps = visit.view.results.sweeps
    if not sweeps:
        return Page("empty.html", "Nothing yet")
    progress = visit.explorer.progress.count(visit.view.results)
    values = {
        "progress": progress,
        "live": progress.running and "snapshot" not in visit.query,
        "findings": lambda: findings_blocks(visit),
        "sweeps": sweeps if len(sweeps) > 1 else (),
        "snapshot": visit.view.results.snapshot,
        "every": (_PROGRESS_EVERY, _FINDINGS_EVERY),
    }
    return Page("overview.html", visit.view.results.sweep.study, values)


def progress(visit: Visit) -> Page:
    """Give the part of the page that says how far it is."""
    found = visit.explorer.progress.count(visit.view.results)
    again = _PROGRESS_EVERY if found.running else 0.0
    return fragment("progress.html", {"progress": found}, again=again, of=str(found.done))


def begun(visit: Visit) -> Page:
    """Tell a page about an empty store that there is something now."""
    if visit.view.results.sweeps:
        return fragment("begun.html", {}, again=0.0, of="")
    return unchanged(visit, _PROGRESS_EVERY)


def findings(visit: Visit) -> Page:
    """Give the part of the page that says what was found, where something has been committed since."""
    running = visit.explorer.progress.count(visit.view.results).running
    snapshot = visit.view.results.snapshot
    if visit.query.get("of") == snapshot:
        return unchanged(visit, _FINDINGS_EVERY if running else 0.0)
    begun = time.monotonic()
    blocks = tuple(findings_blocks(visit))
    rest = max(_FINDINGS_EVERY, _FINDINGS_REST * (time.monotonic() - begun))
    return fragment("findings.html", {"blocks": blocks}, again=rest if running else 0.0, of=snapshot)


def findings_blocks(visit: Visit) -> Iterator[Block]:
    """Give the verdict, then table by table what matters most; a sentence where there is none yet."""
    try:
        yield from _findings(visit)
    except StoreNotFoundError:
        yield Text("The sweep has written nothing yet that could be read.", "note")
    except BeedError as error:
        yield Text(str(error), "warning")


def _findings(visit: Visit) -> Iterator[Block]:
    # What computes is imported where it is shown: the head of the page does not wait for it.
    from pipeline.reporting.console.summary import brief_tables

    summary: Summary = visit.view.once("summary", visit.view.results.summary)
    progress = visit.explorer.progress.count(visit.view.results)
    if not progress.usable:
        yield Text("No fit has a usable result yet.", "note")
        return
    if progress.running:
        yield Text("The sweep is not finished: what follows is what it has so far.", "note")
    verdict = summary.verdict
    visit.view.verdict_is(verdict.model)
    for number, sentence in enumerate(verdict.sentences):
        yield Text(sentence, "plain" if number else "lead")
    said = [*summary.instruments, *summary.experiments, summary.assumption]
    for sentence in filter(None, said):
        yield Text(sentence, "note")
    if verdict.cautions:
        yield Text("What not to trust:")
        yield Bullets(verdict.cautions)
    for title, table in brief_tables(summary):
        yield from grid(title, table, rows=_ROWS)
