"""One self-contained HTML page about a sweep: opens offline, in any browser, by day and by night."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import QueryError, StoreError
from pipeline.names import Label
from pipeline.reporting.blocks import Section
from pipeline.reporting.choice import choose
from pipeline.reporting.environment import html_environment
from pipeline.reporting.sections.best_models import best_models
from pipeline.reporting.sections.drift import drift
from pipeline.reporting.sections.effects import effects
from pipeline.reporting.sections.fitted_shares import fitted_shares
from pipeline.reporting.sections.identifiability import identifiability
from pipeline.reporting.sections.market_function import market_function
from pipeline.reporting.sections.origin import origin
from pipeline.reporting.sections.overview import overview
from pipeline.reporting.sections.parameters import parameters
from pipeline.reporting.sections.total_sales import total_sales
from pipeline.reporting.sections.validation import validation
from pipeline.reporting.subject import ReportSubject
from pipeline.results.opened import require_opened
from pipeline.results.results import Results
from pipeline.results.summary.summary import summarise

#: In their order; each gives None where it has nothing to say of a sweep. To add one, write a file in
#: ``sections`` and name it here.
SECTIONS: tuple[Callable[[ReportSubject], Section | None], ...] = (
    overview,
    best_models,
    market_function,
    effects,
    fitted_shares,
    validation,
    total_sales,
    parameters,
    identifiability,
    drift,
    origin,
)

_SUFFIXES = (".html", ".htm")


def write_report(
    results: Results,
    out: str | Path,
    *,
    markets: Sequence[Label] | None = None,
    model: str | None = None,
    limit: int = 3,
) -> Path:
    """Write the report on a sweep.

    Parameters
    ----------
    results
        The store, opened for the sweep.
    out
        File to write, ``.html``; replaced when it exists.
    markets
        Labels of markets to show in pictures; by default some between the best and the worst fitted.
    model
        Model to show in pictures; the best by AICc over all markets when None.
    limit
        Markets shown at most when none are named. Tables and counts are over all of them.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    QueryError
        Another kind of file, or a market or model that the sweep does not have.
    StoreError
        The file cannot be written.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> beed.write_report(store, "ledger.html", limit=1).name
    'ledger.html'
    """
    require_opened(results)
    target = Path(out)
    if target.suffix.lower() not in _SUFFIXES:
        raise QueryError(f"Got the file {target}; expected a name that ends in {' or '.join(_SUFFIXES)}.")
    page = render_report(results, markets=markets, model=model, limit=limit)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"The report {target} could not be written: {error.strerror}.") from error
    return target


def render_report(
    results: Results,
    *,
    markets: Sequence[Label] | None = None,
    model: str | None = None,
    limit: int = 3,
) -> str:
    """Give the page as text; takes what `write_report` takes."""
    summary = summarise(results)
    shown = choose(results, summary, markets=markets, model=model, limit=limit)
    subject = ReportSubject(results, summary, shown)
    sections = [section for make in SECTIONS if (section := make(subject)) is not None]
    environment = html_environment("pipeline.reporting")
    info = results.sweep
    return environment.get_template("report.html").render(
        study=info.study, sweep=info.name, created=str(info.created)[:10], sections=sections
    )
