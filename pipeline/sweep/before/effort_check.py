"""Efforts that do not suit their curves, seen before any fit; and efforts that look like a mistake.

A curve such as a power is defined for efforts above zero only, and a fit with others ends as it begins. Where
all markets of a panel are like that the study is refused. What may be meant, though seldom is, is a warning:
percentages where ratios are expected, sales of a period explained by sales of the same period.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.response.catalogue import CURVES, Curve
from pipeline.config.catalogue import own_curves
from pipeline.config.sections.data import DataSection, EffortSection
from pipeline.config.sections.ledger.postings import SALES
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.errors import DataError, Problem
from pipeline.panel.efforts import uses_present
from pipeline.panel.experiments.experiment import FIELDS

#: An effort is sales under another name when it correlates with them, or with shares, by more than this.
_SAME = 0.9999


@dataclass(frozen=True, slots=True)
class EffortWarning:
    """Something odd about an effort: a sentence that names it."""

    effort: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass
class _Seen:
    """What was seen of one effort: by market the smallest value; counts over all cells."""

    low: list[float] = field(default_factory=list)
    cells: int = 0
    above_one: int = 0
    markets_like_sales: int = 0


@dataclass
class EffortCheck:
    """Look at efforts, a block of markets at a time.

    Parameters
    ----------
    study
        What its efforts are.
    variants
        The models, with a curve for every effort.
    """

    study: Study
    variants: tuple[Variant, ...]
    _labels: list[Any] = field(default_factory=list)
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def add(self, block: xr.Dataset) -> None:
        """Look at a block of markets, with `sales`, `efforts` and `experiments` as a panel has them."""
        sales = block["sales"].transpose("market", "firm", "time").to_numpy()
        efforts = block["efforts"].transpose("market", "effort", "firm", "time").to_numpy()
        tried = None
        if "experiments" in block:
            tried = block["experiments"].transpose("market", "experiment", "of_experiment").to_numpy()
        self._labels += block["market"].to_numpy().tolist()
        for index, name in enumerate(block["effort"].to_numpy().tolist()):
            seen = self._seen.setdefault(str(name), _Seen())
            for market in range(sales.shape[0]):
                self._look(seen, sales[market], efforts[market, index])
                if tried is not None:
                    seen.low[-1] = min(seen.low[-1], _lowest_tried(tried[market], index))

    @staticmethod
    def _look(seen: _Seen, sales: NDArray[np.float64], effort: NDArray[np.float64]) -> None:
        active = np.isfinite(sales) & np.isfinite(effort)
        values = effort[active]
        seen.low.append(float(values.min(initial=np.inf)))
        seen.cells += values.size
        seen.above_one += int(np.count_nonzero(values > 1.0))
        share = sales / np.nansum(sales, axis=0, keepdims=True)
        seen.markets_like_sales += any(_correlation(values, like[active]) > _SAME for like in (sales, share))

    def refuse(self) -> None:
        """Raise when all markets have efforts outside the domain of a curve.

        Raises
        ------
        DataError
            With a problem for every effort and curve.
        """
        problems = [
            _outside(name, curve, self._seen[name].low, self._labels, models)
            for (name, curve), models in self._used_curves().items()
            if all(_is_outside(low, curve) for low in self._seen[name].low)
        ]
        if problems:
            raise DataError("Efforts outside the domain of their curves", problems)

    def warnings(self) -> tuple[EffortWarning, ...]:
        """Say what looks like a mistake."""
        found = []
        for (name, curve), models in self._used_curves().items():
            count = sum(_is_outside(low, curve) for low in self._seen[name].low)
            if count:
                sentence = (
                    f"The effort '{name}' leaves the domain of the curve {curve.name} ({curve.domain}) in "
                    f"{count} of {len(self._labels)} markets: their fits of {_some(models)} will fail."
                )
                found.append(EffortWarning(name, sentence))
        for name, seen in self._seen.items():
            found += [EffortWarning(name, text) for text in self._oddities(name, seen)]
        return tuple(found)

    def _oddities(self, name: str, seen: _Seen) -> list[str]:
        section = None if self.study.data is None else self.study.data.efforts.get(name)
        texts = []
        if section is not None and section.kind != "index" and seen.above_one > 0.5 * seen.cells:
            texts.append(
                f"The effort '{name}' is of kind {section.kind}, a part of sales, and more than half of its "
                "values are above 1. If they are percentages, write a formula that divides them by 100."
            )
        leak = None if section is None else self._leak(name, section)
        if leak is not None:
            texts.append(leak)
        elif seen.markets_like_sales and section is not None:
            texts.append(
                f"The effort '{name}' is sales, or shares, under another name (correlation above {_SAME} in "
                f"{seen.markets_like_sales} of {len(self._labels)} markets): it explains sales by themselves."
            )
        return texts

    def _leak(self, name: str, section: EffortSection) -> str | None:
        sales = self.study.data.sales if isinstance(self.study.data, DataSection) else SALES
        if section.kind == "ratio" or not uses_present(name, section, sales):
            return None
        return (
            f"The effort '{name}' uses the sales of the same period ({section.formula or sales}): it "
            f"explains sales by themselves. Use past ones, lag({sales}), or say "
            "`kind: ratio` if it is an expense over own "
            "sales."
        )

    def _used_curves(self) -> dict[tuple[str, Curve], list[str]]:
        """Give the models that use each effort with each curve that is not defined everywhere."""
        own = own_curves(self.study.curves)
        used: dict[tuple[str, str], list[str]] = {}
        for variant in self.variants:
            for effort, curve in variant.response.curves.items():
                used.setdefault((effort, curve), []).append(variant.name)
        curves = {curve: own.get(curve) or CURVES[curve] for _, curve in used}
        return {
            (effort, curves[curve]): models
            for (effort, curve), models in used.items()
            if np.isfinite(curves[curve].domain.minimum) and effort in self._seen
        }


def _lowest_tried(table: NDArray[np.float64], effort: int) -> float:
    """Give the lowest value of an effort in the experiments of one market (E, F); infinite without any."""
    own = table[table[:, FIELDS.index("effort")] == effort]
    values = own[:, [FIELDS.index("baseline"), FIELDS.index("changed")]]
    return float(values[~np.isnan(values)].min(initial=np.inf))


def _is_outside(low: float, curve: Curve) -> bool:
    minimum = curve.domain.minimum
    return low <= minimum if curve.domain.open else low < minimum


def _outside(name: str, curve: Curve, lows: list[float], labels: list[Any], models: list[str]) -> Problem:
    lowest = int(np.argmin(lows))
    return Problem(
        "",
        None,
        f"effort {name}",
        f"values down to {lows[lowest]:g} (market {labels[lowest]}) with the curve {curve.name}, in all "
        "markets",
        str(curve.domain),
        f"All fits of {_some(models)} would fail. Choose a curve for any effort (linear, tanh, ispline), a "
        "formula that stays in the domain, or leave the models out under models.exclude.",
    )


def _some(models: list[str]) -> str:
    more = len(models) - 3
    return ", ".join(models[:3]) + (f" and {more} more" if more > 0 else "")


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlate two samples; 0 where one of them does not vary, or beyond what can be computed."""
    with np.errstate(over="ignore", invalid="ignore"):
        if a.size < 3 or not a.std() or not b.std():
            return 0.0
        found = abs(float(np.corrcoef(a, b)[0, 1]))
    return found if np.isfinite(found) else 0.0
