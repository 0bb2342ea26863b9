"""The section that gives the verdict, and says in short what was done and found."""

import numpy as np

from pipeline.reporting.blocks import Block, Bullets, Facts, Section, Text
from pipeline.reporting.subject import ReportSubject
from pipeline.reporting.words import findings
from pipeline.store.format.layout import SweepState


def overview(subject: ReportSubject) -> Section:
    """Begin with the verdict; then what was found besides, and what was done."""
    results, summary = subject.results, subject.summary
    panel, info = results.lazy_panel, results.sweep
    times = [str(time) for time in results.tables.labels("time")]
    fits = int(np.sum(summary.models["usable"]))
    facts = {
        "markets": str(info.n_markets),
        "firms": str(panel.sizes["firm"]),
        "periods": f"{len(times)}, from {_day(times[0])} to {_day(times[-1])}",
        "efforts": ", ".join(str(name) for name in panel["effort"].values),
        "models": str(len(info.models)),
        "usable fits to all periods": f"{fits} of {len(info.models) * info.n_markets}",
        "state of the sweep": info.state.value,
    }
    verdict = summary.verdict
    blocks: list[Block] = [Text(sentence, "lead") for sentence in verdict.sentences[:1]]
    blocks += [Text(" ".join(verdict.sentences[1:]))] if verdict.sentences[1:] else []
    if verdict.model is not None:
        blocks.append(
            Text("Forecasts, flight plans and games go by this model unless told otherwise.", "note")
        )
    if verdict.cautions:
        blocks += [Text("What not to trust:"), Bullets(verdict.cautions)]
    blocks += [Text("What was found besides:"), Bullets(findings(summary, subject.shown.model)), Facts(facts)]
    if info.state != SweepState.DONE:
        blocks.insert(0, Text("This sweep is not finished: what follows is what it has so far.", "warning"))
    return Section("summary", "In short", tuple(blocks))


def _day(time: str) -> str:
    return time.removesuffix(".000000000").removesuffix("T00:00:00")
