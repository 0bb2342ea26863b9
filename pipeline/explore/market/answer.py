"""The answer to a what-if: drawings, what each firm gains or loses by the end, and a sentence on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from pipeline.explore.market.drawing import Line, draw_course
from pipeline.explore.market.levers import Lever, write_state
from pipeline.explore.market.what_if import WhatIf, scenario_of
from pipeline.forecasting.periods import label_text
from pipeline.reporting.blocks import Grid

if TYPE_CHECKING:
    from pipeline.forecasting.trajectory import ShareTrajectory

MOST_FIRMS = 12
"""Firms that are drawn: the largest."""
# Periods of the past beside each period to come.
_PAST = 3
_SAID = 3
# A difference of shares that is rounding.
_NOTHING = 5e-7


@dataclass(frozen=True, eq=False)
class Answer:
    """What firms get in the H periods to come if some of their efforts are other than in the last one.

    Attributes
    ----------
    asked : WhatIf
    state : mapping
        What is set.
    course : ShareTrajectory
        What comes of it.
    second : ShareTrajectory or None
        The same by the model that it is compared with, `against`.
    """

    asked: WhatIf
    state: Mapping[Lever, float]
    course: "ShareTrajectory"
    against: WhatIf | None = None
    second: "ShareTrajectory | None" = None

    @property
    def last(self) -> str:
        """Label of the last period to come."""
        return label_text(self.asked.market.times[-1])

    @property
    def difference(self) -> np.ndarray:
        """Change (N,) of the share at the end against the carried forecast."""
        return np.asarray(self.course.share[-1] - self.asked.carried.share[-1])

    def drawings(self) -> tuple[tuple[str, str], ...]:
        """Draw the largest firms, each an element ``<svg>``: seen, if all stays, as set."""
        market = self.asked.market
        n_past = min(_PAST * market.horizon, len(market.past_share))
        ends = (label_text(self.asked.past_times[-n_past]), self.last)
        firms = np.argsort(-self.asked.carried.share[-1], kind="stable")[:MOST_FIRMS].tolist()
        drawn = []
        for number, firm in enumerate(firms):
            label = str(market.firms.tolist()[firm])
            lines = [
                Line("seen", 0, market.past_share[-n_past:, firm]),
                Line("carried", n_past, self.asked.carried.share[:, firm]),
            ]
            lines += [Line("against", n_past, self.second.share[:, firm])] if self.second else []
            lines += [Line("set", n_past, self.course.share[:, firm])] if self.state else []
            said = self._said_of(firm)
            drawn.append((label, draw_course(number, f"Share of {label}", said, lines, ends, n_past - 1)))
        return tuple(drawn)

    def table(self) -> Grid:
        """Show what each firm has at the end: those that do otherwise first, then the largest."""
        course, carried, market = self.course, self.asked.carried, self.asked.market
        doing = np.isin(np.arange(market.firms.size), [lever.firm for lever in self.state])
        sales, before = (one.share[-1] * one.total[-1] for one in (course, carried))
        money = self.asked.expense(course)[-1] - self.asked.expense(carried)[-1]
        unit = self.asked.currency or "currency / period"
        headings = ["firm", "share if all stays", "share as set", "difference, points", f"sales, {unit}"]
        spends = any(kind != "index" for kind in market.kinds)
        headings += [f"spent on efforts, {unit}"] if spends else []
        headings += [f"difference by {self.against.market.model}, points"] if self.against else []
        rows = []
        for firm in np.lexsort((-carried.share[-1], ~doing)).tolist():
            row = [
                str(market.firms.tolist()[firm]),
                _percent(carried.share[-1, firm]),
                _percent(course.share[-1, firm]),
                _points(self.difference[firm]),
                _signed(sales[firm] - before[firm]),
            ]
            row += [_signed(money[firm])] if spends else []
            if self.against is not None and self.second is not None:
                row.append(_points(self.second.share[-1, firm] - self.against.carried.share[-1, firm]))
            rows.append(tuple(row))
        numeric = (False, *[True] * (len(headings) - 1))
        return Grid(f"Shares in {self.last}, and what changes", tuple(headings), tuple(rows), numeric)

    def sentence(self) -> str:
        """Say the largest differences."""
        if not self.state:
            return f"All efforts as in the last period: this is the forecast for {self.last}."
        largest = np.argsort(-np.abs(self.difference), kind="stable")[:_SAID].tolist()
        parts = [
            f"{self.asked.market.firms[firm]} {_points(self.difference[firm])}"
            for firm in largest
            if abs(self.difference[firm]) >= _NOTHING
        ]
        changed = f"{len(self.state)} effort{'s' if len(self.state) > 1 else ''} changed"
        found = f"{', '.join(parts)} points of share" if parts else "no share moves"
        return f"In {self.last}, with {changed}: {found}."

    def cautions(self) -> tuple[str, ...]:
        """Say what goes beyond what was seen."""
        return tuple(
            f"{lever.key.replace('@', ' of ', 1)}: {lever.text(value)} lies beyond what was seen "
            f"({lever.text(lever.low)} to {lever.text(lever.high)}); the market function is drawn on there."
            for lever, value in self.state.items()
            if not lever.offers(value)
        )

    def numbers(self) -> dict[str, Any]:
        """Give shares as plain values for programs."""
        market = self.asked.market
        return {
            "market": str(market.market),
            "model": market.model,
            "times": [label_text(time) for time in market.times],
            "firms": [str(firm) for firm in market.firms.tolist()],
            "carried": self.asked.carried.share.tolist(),
            "share": self.course.share.tolist(),
            "difference": self.difference.tolist(),
            "state": write_state(self.state),
        }

    def scenario(self) -> str:
        """Write the scenario as a file that `beed forecast` takes."""
        content = scenario_of(self.asked.market, self.state).model_dump(mode="json", exclude_unset=True)
        content.pop("uncertainty")
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    def _said_of(self, firm: int) -> str:
        now, stays = self.asked.market.share[firm], self.asked.carried.share[-1, firm]
        said = f"Now {_percent(now)}; in {self.last} {_percent(stays)} if all efforts stay"
        if not self.state:
            return f"{said}."
        then = _percent(self.course.share[-1, firm])
        return f"{said}, {then} as set ({_points(self.difference[firm])} points)."


def answer(
    asked: WhatIf,
    state: Mapping[Lever, float],
    against: WhatIf | None = None,
    state_against: Mapping[Lever, float] | None = None,
) -> Answer:
    """Answer a what-if, by two models where there are two.

    Raises
    ------
    QueryError
        A value outside the domain of its curve.
    ForecastError
        A market that cannot be followed.
    """
    second = None if against is None else against.follow(state_against or {})
    return Answer(asked, state, asked.follow(state), against, second)


def _percent(share: float) -> str:
    return f"{100.0 * share:.2f} %"


def _points(difference: float) -> str:
    """Write a difference of shares in percentage points."""
    return "0" if abs(difference) < _NOTHING else f"{100.0 * difference:+.2f}"


def _signed(money: float) -> str:
    """Write a change of money with four digits that count."""
    rounded = float(f"{money:.4g}")
    return f"{rounded:+,.0f}" if abs(rounded) >= 1e4 else f"{rounded:+.4g}" if rounded else "0"
