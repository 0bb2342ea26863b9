"""How well the models of total sales forecast periods that they had not seen, after rolling origins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import TotalModel, TotalSection
from pipeline.errors import QueryError
from pipeline.results.totals.continuation import continue_total, response_total
from pipeline.results.totals.past_market import PastMarket, past_response, past_weights, pressure_of
from pipeline.results.totals.season import season_length

MODELS: tuple[str, ...] = tuple(model for model in get_args(TotalModel) if model != "given")
_ORIGINS = 8
# Periods ahead that count; part of the periods before the first origin.
_AHEAD = 13
_KNOWN = 0.5


@dataclass(frozen=True, eq=False)
class TotalUse:
    """The total sales that an answer uses.

    Attributes
    ----------
    model : str
    text : str
        What total sales follow, in a sentence.
    error : dict of str to float
        By model: root mean square error of the logarithm of total sales in held-out periods, the one in use
        first; nan where it cannot be fitted there. Empty where total sales are given.
    cases : int
        How many held-out periods that is, counted once for each origin.
    """

    model: str
    text: str
    error: dict[str, float]
    cases: int

    @property
    def best(self) -> str | None:
        """The model with the smallest error; None when there are none."""
        known = {model: error for model, error in self.error.items() if np.isfinite(error)}
        return min(known, key=lambda model: known[model]) if known else None

    def facts(self) -> dict[str, str | float]:
        """Columns for programs: the model of total sales and its error, the best one and its error."""
        best = self.best or ""
        return {
            "total_model": self.model,
            "total_error": self.error.get(self.model, np.nan),
            "total_best": best,
            "total_best_error": self.error.get(best, np.nan),
        }

    @property
    def sentence(self) -> str:
        """What is used, and what would have forecast held-out periods better."""
        if self.best is None:
            return self.text
        own = self.error[self.model]
        said = "could not be tried" if np.isnan(own) else f"was off by {own:.1%}"
        others = ", ".join(
            f"{model} {error:.1%}" for model, error in self.error.items() if model != self.model and error > 0
        )
        return f"{self.text} In {self.cases} held-out cases it {said} ({others})."


def compare_totals(
    section: TotalSection, market: PastMarket, models: Iterable[str] = MODELS
) -> tuple[dict[str, float], int]:
    """Compare all models of total sales on a market by forecasts of periods that they had not seen.

    Parameters
    ----------
    section : TotalSection
        The model in use, with its settings; the others have what of these applies to them.
    market : PastMarket
    models : iterable of str
        Those to compare it with.

    Returns
    -------
    error : dict of str to float
        Root mean square error of the logarithm by model, the one in use first; nan where too few periods
        are there to fit it at every origin.
    cases : int
        Held-out periods, once for each origin.

    Notes
    -----
    Up to 8 origins, spread over the second half of the periods; up to 13 periods ahead of each. The model
    response is given the efforts of the held-out periods, not their shares: those of the origin stay. Where
    it answers to f, that is f of the fit to all periods.
    """
    count = market.past_sales.size
    first = max(int(np.ceil(_KNOWN * count)), 3)
    spread = np.linspace(first, count - 1, _ORIGINS) if first < count else np.empty(0)
    origins = np.unique(spread.round().astype(int)).tolist()
    compared = (section.model, *(model for model in models if model != section.model))
    errors: dict[str, float] = {}
    cases = 0
    for model in compared:
        # A window is said for the model in use; the others see all.
        kept = section
        if model != section.model:
            content = {"model": model, "season": section.season, "harmonics": section.harmonics}
            kept = TotalSection.model_validate(content)
        try:
            off = np.concatenate([_misses(kept, market, origin) for origin in origins] or [np.empty(0)])
        except QueryError:
            errors[model] = float("nan")
            continue
        cases = off.size
        errors[model] = float(np.sqrt(np.mean(off**2))) if off.size else float("nan")
    return errors, cases


def _misses(section: TotalSection, market: PastMarket, origin: int) -> Floats:
    """Errors (H,) of the logarithm in the periods after the first ``origin`` ones."""
    end = min(origin + _AHEAD, market.past_sales.size)
    sales, period, ahead = (
        market.past_sales[:origin],
        market.past_period[:origin],
        market.past_period[origin:end],
    )
    season = season_length(market.frequency)
    if section.model != "response":
        made = continue_total(section, sales, period, ahead, season)
    else:
        pressure, past = pressure_of(market, section.efforts)
        f = past_response(market, needed=not pressure.index.size)
        # The weights of the first period ahead are known at the origin; later ones are not.
        to_come = pressure.series(past_weights(market, origin), market.chosen, f)[origin:end]
        made = response_total(section, sales, period, ahead, season, (pressure, past[:origin], to_come))
    return np.asarray(np.log(market.past_sales[origin:end]) - np.log(made.median))
