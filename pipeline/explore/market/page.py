"""The page of one market, its what-if as data, and its parts one by one."""

from typing import Any

from pipeline.errors import BeedError
from pipeline.explore.market.answer import MOST_FIRMS, Answer
from pipeline.explore.market.levers import Lever, unit_of
from pipeline.explore.market.parts import PARTS, blocks_of, firm_of
from pipeline.explore.market.question import MOST_PERIODS, PATH, Question, read_question
from pipeline.explore.reply import Data, Page
from pipeline.explore.visit import Visit
from pipeline.models.adjustment import half_life
from pipeline.reporting.blocks import Facts, Text
from pipeline.reporting.cells import cell

WHAT_IF, PART = f"{PATH}/what-if", f"{PATH}/part"
_EVERYTHING = "all"


def market(visit: Visit) -> Page:
    """Show one market: what its firms could do, and everything that is known of it.

    Raises
    ------
    QueryError
        See `pipeline.explore.market.question.read_question`.
    """
    question, shown = read_question(visit), visit.query.get("show", "")
    values = {
        "question": question,
        "models": visit.view.results.models,
        "most_periods": MOST_PERIODS,
        "most_firms": MOST_FIRMS,
        "facts": Facts(_facts(question)),
        "why": tuple(Text(sentence) for sentence in question.choice.sentences),
        "obstacle": lambda: _obstacle(question),
        "firms": lambda: _levers_by_firm(question),
        "fixed": lambda: _fixed(question),
        "unit": lambda lever: unit_of(question.what_if.market, lever.effort, question.what_if.currency),
        "parts": PARTS,
        "opened": [name for name in PARTS if shown in (name, _EVERYTHING)],
        "blocks_of": lambda name: blocks_of(question, name),
        "explained": lambda: firm_of(question),
        # What is asked for later is asked of the state that this page shows.
        "data": lambda path, **changes: question.link(path, snapshot=visit.view.results.snapshot, **changes),
        "paths": {"market": PATH, "what_if": WHAT_IF, "part": PART},
    }
    return Page("market.html", f"Market {question.market}", values)


def what_if(visit: Visit) -> Data:
    """Answer what is set in the address: numbers, and the pieces of the page that they change."""
    try:
        question = read_question(visit)
        answer = question.answer
    except BeedError as error:
        return Data({"error": str(error)}, 400)
    return Data(answer.numbers() | _pieces(question, answer))


def part(visit: Visit) -> Page:
    """Show one part of the page of a market, to stand in it.

    Raises
    ------
    QueryError
        No such part, or see `pipeline.explore.market.question.read_question`.
    """
    question = read_question(visit)
    return Page("market_part.html", "", {"blocks": blocks_of(question, visit.query.get("part", ""))})


def _obstacle(question: Question) -> str:
    """Say why there is no what-if; empty where there is one."""
    try:
        question.answer  # noqa: B018
    except BeedError as error:
        return str(error)
    return ""


def _pieces(question: Question, answer: Answer) -> dict[str, Any]:
    """Write what changes on the page when something is set."""
    html = {
        name: Page(f"market_{name}.html", "", {"answer": answer}) for name in ("courses", "table", "cautions")
    }
    return html | {
        "said": answer.sentence(),
        "scenario": answer.scenario(),
        "address": question.link(),
    }


def _levers_by_firm(question: Question) -> list[tuple[str, list[Lever], bool]]:
    """Group the levers by firm, the largest first; the first group is open, and where something is set."""
    market = question.what_if.market
    order = sorted(range(market.firms.size), key=lambda firm: -float(market.share[firm]))
    groups = []
    for rank, firm in enumerate(order):
        levers = [lever for lever in question.what_if.levers if lever.firm == firm]
        is_open = rank == 0 or any(lever in question.state for lever in levers)
        groups.append((str(market.firms.tolist()[firm]), levers, is_open))
    return groups


def _fixed(question: Question) -> tuple[str, ...]:
    """Name the efforts that cannot be set: they were the same in all periods of all firms."""
    movable = {lever.effort for lever in question.what_if.levers}
    return tuple(name for k, name in enumerate(question.what_if.market.efforts) if k not in movable)


def _facts(question: Question) -> dict[str, str]:
    """Say how well the model fits here, and how fast shares adjust."""
    statistic = question.results.tables.statistics(question.model, question.place)
    facts = {}
    if "rmse" in statistic:
        facts["typical error of a share"] = cell(float(statistic["rmse"][0]))
    if "adjustment_rate" in statistic:
        facts["half of an adjustment takes"] = (
            f"{cell(float(half_life(statistic['adjustment_rate'])[0]))} periods"
        )
    return facts
