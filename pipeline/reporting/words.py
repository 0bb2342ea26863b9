"""What a report says in sentences: the findings of a sweep in short, and who wins a comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.results.difference import describe_difference
from pipeline.results.frames.table import Table
from pipeline.results.summary.summary import Summary
from pipeline.validation.model_weights import REGIMES

if TYPE_CHECKING:
    from pipeline.reporting.choice import Shown

_ADVICE = "trust the recommended intervals or those of bootstrap, not those of covariance"
CORRELATED_ERRORS = (
    "Where errors are correlated from one period to the next, standard errors and the intervals of the "
    f"method covariance are too narrow: {_ADVICE}."
)
_FUTURES = {
    "given": "with the efforts and the market's total as they were",
    "carried": "with the last efforts and total carried forward",
}
_FUTURE_TITLES = {"given": "efforts given", "carried": "efforts carried forward"}
_KINDS = {"holdout": "the periods held out", "rolling": "rolling origins"}
_KIND_TITLES = {"holdout": "held out", "rolling": "rolling origins"}
_MEANING = {
    "coexistence": "firms of different strength live side by side",
    "neutral": "the strongest firm slowly takes the market",
    "lock-in": "who is ahead pulls away",
    "undetermined": "the data do not tell whether firms can live side by side",
}


def findings(summary: Summary, chosen: str | None) -> tuple[str, ...]:
    """Say in some sentences what was found, beside the verdict.

    Parameters
    ----------
    summary
        Of the sweep.
    chosen
        The model that the page shows.
    """
    sentences = [
        *_fit_sentence(summary, chosen),
        *_regime_sentence(summary, chosen),
        *filter(None, map(_winner, cases(summary.comparison))),
        _identified_sentence(summary, chosen),
        *_failure_sentence(summary),
    ]
    return tuple(sentences)


def shown_markets(shown: "Shown") -> str:
    """Say which markets a section shows, and how to see others."""
    count = len(shown.markets)
    if count >= shown.usable:
        return f"Model `{shown.model}`."
    return (
        f"Model `{shown.model}`. Shown are {count} of {shown.usable} markets, by how well the model fits "
        "them; `beed report STORE --market M` shows others."
    )


def cases(comparison: Table) -> tuple[Table, ...]:
    """Split a table of comparisons into its kinds of windows and futures."""
    if not len(comparison):
        return ()
    pairs = dict.fromkeys(zip(comparison["window"], comparison["future"], strict=True))
    return tuple(
        comparison.take((comparison["window"] == window) & (comparison["future"] == future))
        for window, future in pairs
    )


def describe_case(case: Table) -> str:
    """Name what one comparison is about."""
    window, future = str(case["window"][0]), str(case["future"][0])
    return f"forecasts of {_KINDS.get(window, window)}, {_FUTURES.get(future, future)}"


def case_title(case: Table) -> str:
    """Name one comparison in some words, for the title of a picture."""
    window, future = str(case["window"][0]), str(case["future"][0])
    return f"{_KIND_TITLES.get(window, window).capitalize()}, {future_title(future)}"


def future_title(future: str) -> str:
    """Name what forecasts were given, in some words."""
    return _FUTURE_TITLES.get(future, future)


def percentage(part: int, of: int, what: str = "markets") -> str:
    """Write ``3 of 8 markets``, or ``the only market``."""
    if part == of == 1:
        return f"the only {what.removesuffix('s')}"
    return f"{'all' if part == of else part} {'' if part == of else 'of '}{of} {what}"


def _fit_sentence(summary: Summary, chosen: str | None) -> Sequence[str]:
    if chosen is None:
        return ("No model has a usable fit yet.",)
    models = [str(name) for name in summary.models["model"]]
    row = models.index(chosen)
    total = summary.sweep.n_markets
    best = int(summary.models["best_by_aic"][row])
    error = float(summary.models["rmse"][row])
    sentence = f"The model shown is `{chosen}`"
    if len(models) > 1:
        sentence += f", the best by AIC of {len(models)} models in {percentage(best, total)}"
    return (f"{sentence}; its typical error of a share in the fitted periods is {error:.2g}.",)


def _regime_sentence(summary: Summary, chosen: str | None) -> Sequence[str]:
    rows = {str(row[0]): row for row in summary.regimes.rows()}
    if chosen not in rows:
        return ()
    _, source, gamma, *counts, life = rows[chosen]
    count, word = max(zip(counts, REGIMES, strict=True), key=lambda pair: pair[0])
    sentence = (
        f"Returns to scale γ = {gamma:.2g} ({source}): {word} in {percentage(count, sum(counts))}, that is, "
        f"{_MEANING[word]}."
    )
    if life is not None and np.isfinite(life):
        sentence += f" A share gets half of the way to its long run in {life:.2g} periods."
    return (sentence,)


def _winner(case: Table) -> str:
    against = str(case["against"][0])
    if len(case) < 2 or np.isnan(case["error"][0]):
        return ""
    best = str(case["model"][0])
    start = f"In {describe_case(case)}, `{best}` has the smallest error"
    if best == against:
        return f"{start}: no model beats this baseline."
    difference, error, p = (float(case[name][0]) for name in ("difference", "error", "p"))
    return f"{start}: {describe_difference(difference, error, p, f'the best baseline, `{against}`')}."


def _identified_sentence(summary: Summary, chosen: str | None) -> str:
    undetermined = summary.undetermined.take(summary.undetermined["model"] == chosen)
    if len(undetermined):
        return (
            f"The data leave something of `{chosen}` undetermined: {undetermined['what'][0]} "
            f"(in {percentage(int(undetermined['fits'][0]), int(undetermined['of'][0]), 'fits')})."
        )
    weak = summary.weak.take(summary.weak["model"] == chosen)
    if len(weak):
        return (
            f"The data determine every parameter of `{chosen}`, some only weakly: {weak['what'][0]} "
            f"(in {percentage(int(weak['fits'][0]), int(weak['of'][0]), 'fits')})."
        )
    return f"The data determine every free parameter of `{chosen}`." if chosen else ""


def _failure_sentence(summary: Summary) -> Sequence[str]:
    lost = int(np.sum(summary.failures["fits"])) if len(summary.failures) else 0
    return (f"{lost} fit{'s' if lost > 1 else ''} failed; the reasons are below.",) if lost else ()
