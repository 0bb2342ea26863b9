"""Models against each other and against baselines: the sections of the report that are about all markets."""

from collections.abc import Callable, Iterator
from functools import partial

from pipeline.errors import BeedError
from pipeline.explore.fields import chosen_model
from pipeline.explore.reply import Page
from pipeline.explore.visit import Visit
from pipeline.reporting.blocks import Section, Text
from pipeline.reporting.choice import choose
from pipeline.reporting.sections.best_models import best_models
from pipeline.reporting.sections.identifiability import identifiability
from pipeline.reporting.sections.parameters import parameters
from pipeline.reporting.sections.validation import validation
from pipeline.reporting.subject import ReportSubject
from pipeline.results.summary.summary import Summary

_SECTIONS: tuple[Callable[[ReportSubject], Section | None], ...] = (
    best_models,
    validation,
    parameters,
    identifiability,
)


def models(visit: Visit) -> Page:
    """Show how models fit and forecast, and what one of them estimates; each part is sent when it is made."""
    names = visit.view.results.models
    model = chosen_model(visit.query, names, None) if visit.query.get("model") else None
    values = {
        "models": names,
        "chosen": model,
        "sections": lambda: _sections(visit, model),
    }
    return Page("models.html", "Models", values)


def _sections(visit: Visit, model: str | None) -> Iterator[Section]:
    results = visit.view.results
    try:
        summary: Summary = visit.view.once("summary", results.summary)
        shown = choose(results, summary, markets=None, model=model, limit=0)
        visit.view.verdict_is(summary.verdict.model)
    except BeedError as error:
        yield Section("sorry", "Nothing to compare yet", (Text(str(error), "warning"),))
        return
    subject = ReportSubject(results, summary, shown)
    for make in _SECTIONS:
        section = visit.view.once((make.__name__, shown.model), partial(make, subject))
        if section is not None:
            yield section
