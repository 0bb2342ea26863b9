"""The sections of a report in their order. A new one is a file beside this one, and a line in `SECTIONS`."""

from collections.abc import Callable

from pipeline.reporting.blocks import Section
from pipeline.reporting.sections.best_models import best_models
from pipeline.reporting.sections.drift import drift
from pipeline.reporting.sections.fitted_shares import fitted_shares
from pipeline.reporting.sections.identifiability import identifiability
from pipeline.reporting.sections.market_function import market_function
from pipeline.reporting.sections.origin import origin
from pipeline.reporting.sections.overview import overview
from pipeline.reporting.sections.parameters import parameters
from pipeline.reporting.sections.validation import validation
from pipeline.reporting.subject import ReportSubject

#: Each gives None where it has nothing to say of a sweep.
SECTIONS: tuple[Callable[[ReportSubject], Section | None], ...] = (
    overview,
    best_models,
    market_function,
    fitted_shares,
    validation,
    parameters,
    identifiability,
    drift,
    origin,
)
