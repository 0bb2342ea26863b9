"""The parts of the page of a market that take a moment: each is made when it is asked for, and kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.config.sections.scenario import DrawsSection
from pipeline.errors import BeedError, QueryError
from pipeline.explore.market.question import Question
from pipeline.explore.market.what_if import scenario_of
from pipeline.once import Kept
from pipeline.reporting.blocks import Block, Bullets, Picture, Text, grid
from pipeline.reporting.plots.svg import inline_svg

# Parts of pages that are kept: some hundred kilobytes each.
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page, with a title; ``make`` gives what it shows."""

    title: str
    make: Callable[[Question], tuple[Block, ...]]


def blocks_of(question: Question, name: str) -> tuple[Block, ...]:
    """Make a part of a page, or give the one that was made before; what went wrong is said in its place.

    Raises
    ------
    QueryError
        No such part.
    """
    if name not in PARTS:
        raise QueryError(f"There is no part {name!r} of this page; there are {', '.join(PARTS)}.")
    of = question.visit.query.get("of") if name == "contributions" else None
    ahead = (question.horizon, *sorted(_set(question).items())) if name == "bands" else ()
    key = (name, question.market, question.model, of, ahead)
    kept: Kept = question.visit.view.once("parts of markets", lambda: Kept(_KEPT))
    try:
        return kept.once(key, lambda: PARTS[name].make(question))
    except BeedError as error:
        return (Text(str(error), "warning"),)


def _set(question: Question) -> Mapping[str, float]:
    return {lever.key: value for lever, value in question.state.items()}


def _bands(question: Question) -> tuple[Block, ...]:
    """Forecast with bands, under what is set."""
    from pipeline.forecasting.scenario import forecast
    from pipeline.panel.market import market_arrays
    from pipeline.reporting.plots.ahead import draw_forecast

    without = scenario_of(question.what_if.market, question.state)
    # Of one model, which is the best of them: the verdict on all of a large sweep takes long to reach.
    scenario = without.model_copy(update={"uncertainty": DrawsSection(models="best")})
    made = forecast(question.results, scenario)
    one = made.markets[0]
    figure = draw_forecast(made, one, market_arrays(question.results.lazy_panel, one.market))
    label = f"Observed shares and their forecast with bands, by firm, in market {question.market}"
    levels = ", ".join(f"{100.0 * level:g} %" for level in scenario.quantiles)
    changed = "all efforts as in the last period" if not question.state else "the efforts that are set above"
    caption = (
        f"{scenario.uncertainty.draws} futures drawn with {changed}: parameters, efforts that nobody plans, "
        f"total sales and errors vary. Quantiles {levels}."
    )
    return Picture(inline_svg(figure, label, "b"), caption), Text(one.total_use.sentence, "note")


def _shares(question: Question) -> tuple[Block, ...]:
    from pipeline.reporting.sections.fitted_shares import fitted_shares

    section = fitted_shares(question)
    return section.blocks[1:] if section else ()


def _function(question: Question) -> tuple[Block, ...]:
    from pipeline.reporting.sections.market_function import market_function

    return market_function(question).blocks[1:]


def _effects(question: Question) -> tuple[Block, ...]:
    from pipeline.reporting.sections.effects import effects

    section = effects(question)
    return section.blocks[1:] if section else ()


def _contributions(question: Question) -> tuple[Block, ...]:
    """Explain the way of one firm from the first period to the last."""
    from pipeline.causes.explain import explain
    from pipeline.reporting.plots.causes import draw_explained

    found = explain(question.results, firm_of(question), market=question.market, model=question.model)
    attrs = found.attrs
    label = f"What moved the share and the sales of {attrs['firm']}, cause by cause"
    caption = (
        f"{attrs['firm']} from {attrs['from']} to {attrs['to']}: what each effort of each firm did, against "
        "efforts that stay as at the first date. The causes add up; thin lines are 95 % intervals."
    )
    return (Picture(inline_svg(draw_explained(found), label, "c"), caption),)


def firm_of(question: Question) -> str:
    """Give the firm whose share is explained: the one that the address names, else the largest."""
    market = question.what_if.market
    return question.visit.query.get("of") or str(market.firms.tolist()[int(np.argmax(market.share))])


def _parameters(question: Question) -> tuple[Block, ...]:
    from pipeline.reporting.sections.parameters import market_parameters

    title = f"Parameters of `{question.model}`, in market {question.market}".replace("`", "")
    return market_parameters(question.results, question.model, question.market, title)


def _diagnostics(question: Question) -> tuple[Block, ...]:
    """Say what the data do not tell of this fit, and what tests of its residuals found."""
    from pipeline.reporting.sections.identifiability import directions_in_words
    from pipeline.reporting.words import CORRELATED_ERRORS
    from pipeline.results.experiments.table import describe_experiments
    from pipeline.results.tables import residual_checks, trust
    from pipeline.results.tables.uncertainty import describe_instruments

    tables, models, place = question.results.tables, [question.model], question.place
    statistics = {question.model: tables.statistics(question.model, place)}
    undetermined, weak = trust.summarise_directions(tables, np.ones(1, int), models, place)
    blocks: list[Block] = []
    if len(undetermined):
        blocks.append(Text("Undetermined: the data cannot tell, and no standard error is given.", "warning"))
        blocks.append(directions_in_words(undetermined))
    if len(weak):
        blocks.append(Text("Weakly determined: single values are uncertain, though combinations are known."))
        blocks.append(directions_in_words(weak))
    if not blocks:
        blocks.append(Text("The data determine every free parameter of this fit."))
    blocks += grid("Parameters at a bound", trust.at_bounds(tables, models, place).select(("param", "bound")))
    said = [
        *residual_checks.describe_orders(residual_checks.summarise_orders(statistics), question.model),
        *residual_checks.describe_checks(residual_checks.summarise_checks(statistics), question.model),
    ]
    if len(trust.summarise_correlation(statistics)):
        said.append(CORRELATED_ERRORS)
    said += describe_instruments(tables, question.model, place)
    said += describe_experiments(tables, question.model, place)
    blocks.append(Bullets(tuple(said)) if said else Text("Tests of the residuals find nothing at 5 %."))
    return tuple(blocks)


def _validation(question: Question) -> tuple[Block, ...]:
    """Compare the forecasts of this market with those of the baselines."""
    from pipeline.reporting.sections.validation import compared
    from pipeline.results.tables.comparison import comparisons

    return compared(comparisons(question.results.tables, ("rmse",), question.place))


PARTS: Mapping[str, Part] = {
    "bands": Part("Forecast with bands", _bands),
    "shares": Part("Observed and fitted shares", _shares),
    "function": Part("The market function f", _function),
    "effects": Part("How shares follow efforts", _effects),
    "contributions": Part("What moved a share", _contributions),
    "parameters": Part("Parameters and intervals", _parameters),
    "diagnostics": Part("What the data do not tell", _diagnostics),
    "validation": Part("Forecasts of this market against baselines", _validation),
}
"""By the names that they have in addresses, in the order of the page."""
