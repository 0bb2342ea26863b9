"""One self-contained HTML page about a sweep: opens offline, in any browser, by day and by night."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.errors import QueryError, StoreError
from pipeline.reporting.blocks import Section, Text
from pipeline.reporting.choice import choose
from pipeline.reporting.drift import drift
from pipeline.reporting.market import fitted_shares, market_function, parameters
from pipeline.reporting.tables import best_models, identifiability, origin, overview, validation

if TYPE_CHECKING:
    from pipeline.results.results import ResultStore

_SUFFIXES = (".html", ".htm")
_CODE = re.compile(r"`([^`]+)`")


def write_report(
    results: "ResultStore",
    out: str | Path,
    *,
    markets: Sequence[Any] | None = None,
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
    """
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
    results: "ResultStore",
    *,
    markets: Sequence[Any] | None = None,
    model: str | None = None,
    limit: int = 3,
) -> str:
    """Give the page as text; takes what `write_report` takes."""
    sections = _sections(results, markets, model, limit)
    environment = Environment(
        loader=PackageLoader("pipeline.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    info = results.sweep
    return environment.get_template("report.html").render(
        study=info.study, sweep=info.name, created=str(info.created)[:10], sections=sections
    )


def _sections(
    results: "ResultStore", markets: Sequence[Any] | None, model: str | None, limit: int
) -> list[Section]:
    summary = results.summary()
    shown = choose(results, summary, markets=markets, model=model, limit=limit)
    found = [overview(results, summary, shown.model), best_models(summary)]
    if shown.model is None:
        text = "No model has a usable fit, so there is no market function to show."
        found.append(Section("function", "The market function f", (Text(text, "warning"),)))
    else:
        found += [market_function(results, shown), fitted_shares(results, shown)]
    found.append(validation(results, summary))
    if shown.model is not None:
        found.append(parameters(results, summary, shown))
    found.append(identifiability(summary))
    moved = drift(results, shown.model)
    return [*found, *([moved] if moved is not None else []), origin(results)]


def _prose(text: str) -> Markup:
    """Escape a sentence, and set what is between backquotes as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
