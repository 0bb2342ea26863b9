"""What a page about one market is asked: which market, by which model, how far ahead, what is set."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.sections.scenario import Scenario
from pipeline.errors import QueryError
from pipeline.explore.market.answer import Answer, answer
from pipeline.explore.market.levers import Lever, read_state, write_state
from pipeline.explore.market.what_if import WhatIf, prepare
from pipeline.explore.visit import Visit
from pipeline.forecasting.members import ModelChoice, no_usable_fit
from pipeline.names import Label
from pipeline.once import Kept
from pipeline.status import is_usable

# What computes is imported when a market is first asked about.
if TYPE_CHECKING:
    from pipeline.reporting.choice import Shown
    from pipeline.results.result_store import ResultStore
    from pipeline.results.summary.summary import Summary

PATH = "/market"
MOST_PERIODS = 260
"""Periods ahead at most: carry-over takes memory with their square."""
_PERIODS = int(Scenario.model_fields["horizon"].default)
# Markets, each under a model, that stay prepared.
_PREPARED = 32


@dataclass(frozen=True, eq=False)
class Question:
    """One market under one model.

    Attributes
    ----------
    visit : Visit
    market : label
    choice : ModelChoice
        The model: the one of the verdict for this market, or the one that the address names.
    horizon : int
        Periods ahead.
    against : str or None
        A second model to compare with.
    """

    visit: Visit
    market: Label
    choice: ModelChoice
    horizon: int
    against: str | None

    @property
    def results(self) -> "ResultStore":
        """The sweep that is asked."""
        return self.visit.view.results

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.choice.model

    @property
    def shown(self) -> "Shown":
        """What sections of the report show of the sweep."""
        from pipeline.reporting.choice import Shown

        return Shown(self.model, ((self.market, "as asked"),), 1)

    @property
    def place(self) -> np.ndarray:
        """Row of the market in the arrays of the sweep, (1,)."""
        return np.array([self.results.tables.row_of(self.market)])

    @cached_property
    def what_if(self) -> WhatIf:
        """The market, prepared to be followed."""
        return self._prepared(self.model)

    @cached_property
    def state(self) -> Mapping[Lever, float]:
        """What the address sets.

        Raises
        ------
        QueryError
            What there is not.
        """
        return read_state(self.what_if.levers, self.visit.query)

    @cached_property
    def answer(self) -> Answer:
        """What comes of it.

        Raises
        ------
        QueryError, ForecastError
            It has no course.
        """
        if self.against is None:
            return answer(self.what_if, self.state)
        other = self._prepared(self.against)
        return answer(self.what_if, self.state, other, read_state(other.levers, self.visit.query))

    def link(self, path: str = PATH, *, plain: object = False, **changes: str | None) -> str:
        """Write an address about this market: what is set stays, unless it is to be ``plain``."""
        kept: dict[str, str | None] = {
            key: self.visit.query.get(key) for key in ("model", "against", "horizon", "of")
        }
        state = {} if plain else write_state(self.state)
        return self.visit.link(path, market=self.market, **{**kept, **state, **changes})

    def _prepared(self, model: str) -> WhatIf:
        kept: Kept = self.visit.view.once("what-if", lambda: Kept(_PREPARED))
        asked = (self.market, model, self.horizon)
        return kept.once(asked, lambda: prepare(self.results, *asked))


def _choose(visit: Visit, market: Label, wanted: str | None) -> ModelChoice:
    """Choose the model that is named, else by the verdict, which a large sweep takes long to reach."""
    from pipeline.forecasting.model_choice import choose_model

    results = visit.view.results
    if wanted is None:
        summary: Summary = visit.view.once("summary", results.summary)
        visit.view.verdict_is(summary.verdict.model)
        return choose_model(results, market, results.models, None, summary.verdict)
    if wanted not in results.models:
        raise QueryError(f"There is no model {wanted}; there are {', '.join(results.models)}.")
    row = results.tables.row_of(market)
    if not is_usable(results.tables.arrays(wanted)["status"][row : row + 1, 0])[0]:
        raise no_usable_fit(market, [wanted])
    sentences = [f"`{wanted}` is used, as asked."]
    if visit.view.model not in (None, wanted):
        sentences.append(f"The model of the verdict is `{visit.view.model}`.")
    return ModelChoice(wanted, "asked", tuple(sentences))


def read_question(visit: Visit) -> Question:
    """Read the address of a page about a market.

    Raises
    ------
    QueryError
        A market or model that the sweep does not have or has no usable fit of, or no number of periods.
    """
    from pipeline.forecasting.open_market import choose_market

    results, query = visit.view.results, visit.query
    market = choose_market(results, query.get("market") or None)
    choice = _choose(visit, market, query.get("model") or None)
    against = query.get("against") or None
    if against is not None and against not in results.models:
        raise QueryError(
            f"There is no model {against} to compare with; there are {', '.join(results.models)}."
        )
    text = query.get("horizon") or str(_PERIODS)
    if not text.isdigit() or not 1 <= int(text) <= MOST_PERIODS:
        raise QueryError(f"Got {text!r} periods ahead; expected a number from 1 to {MOST_PERIODS}.")
    return Question(visit, market, choice, int(text), None if against == choice.model else against)
