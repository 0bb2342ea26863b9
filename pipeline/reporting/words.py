"""What a report says in sentences: the findings of a sweep in short, and who wins a comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.results.tables.frame import Table
from pipeline.results.tables.validation import LEVEL

if TYPE_CHECKING:
    from pipeline.results.summary import Summary

# Part of the fits from which correlated errors are a finding, and not a few fits' bad luck.
_MANY = 0.25
_FUTURES = {
    "given": "with the efforts and the market's total as they were",
    "carried": "with the last efforts and total carried forward",
}
_KINDS = {"holdout": "the periods held out", "rolling": "rolling origins"}


def findings(summary: "Summary", chosen: str | None) -> tuple[str, ...]:
    """Say in some sentences what was found.

    Parameters
    ----------
    summary
        Of the sweep.
    chosen
        The model that the page shows.
    """
    said = [
        *_fit_sentence(summary, chosen),
        *_regime_sentence(summary, chosen),
        *filter(None, map(_winner, cases(summary.comparison))),
        _identified_sentence(summary, chosen),
        *_serial_sentence(summary, chosen),
        *_failure_sentence(summary),
    ]
    return tuple(said)


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


def verdict(difference: float, error: float, p: float, against: str) -> str:
    """Say how an error differs from that of the contender it is held against."""
    base = error - difference
    if difference == 0.0 and np.isnan(p):
        return "the yardstick"
    size = f"{abs(difference) / base:.1%}" if base > 0.0 else f"{abs(difference):.3g}"
    word = "smaller" if difference < 0.0 else "larger"
    chance = "" if np.isnan(p) else ", more than chance" if p < LEVEL else ", may be chance"
    return f"{size} {word} than {against}{chance}"


def percentage(part: int, of: int, what: str = "markets") -> str:
    """Write ``3 of 8 markets``, or ``the only market``."""
    if part == of == 1:
        return f"the only {what.removesuffix('s')}"
    return f"{'all' if part == of else part} {'' if part == of else 'of '}{of} {what}"


def _fit_sentence(summary: "Summary", chosen: str | None) -> Sequence[str]:
    if chosen is None:
        return ("No model has a usable fit yet.",)
    models = [str(name) for name in summary.models["model"]]
    place = models.index(chosen)
    total = summary.sweep.n_markets
    best = int(summary.models["best_by_aic"][place])
    error = float(summary.models["rmse"][place])
    sentence = f"The model shown is `{chosen}`"
    if len(models) > 1:
        sentence += f", the best by AIC of {len(models)} models in {percentage(best, total)}"
    return (f"{sentence}; its typical error of a share in the fitted periods is {error:.2g}.",)


def _regime_sentence(summary: "Summary", chosen: str | None) -> Sequence[str]:
    rows = {str(row[0]): row for row in summary.regimes.rows()}
    if chosen not in rows:
        return ()
    _, source, gamma, *counts, life = rows[chosen]
    words = ("coexistence", "neutral", "lock-in", "undetermined")
    meaning = {
        "coexistence": "firms of different strength live side by side",
        "neutral": "the strongest firm slowly takes the market",
        "lock-in": "who is ahead pulls away",
        "undetermined": "the data do not tell whether firms can live side by side",
    }
    count, word = max(zip(counts, words, strict=True), key=lambda pair: pair[0])
    said = f"Returns to scale γ = {gamma:.2g} ({source}): {word} in {percentage(count, sum(counts))}, " + (
        f"that is, {meaning[word]}."
    )
    if life is not None and np.isfinite(life):
        said += f" A share gets half of the way to its long run in {life:.2g} periods."
    return (said,)


def _winner(case: Table) -> str:
    against = str(case["against"][0])
    if len(case) < 2 or np.isnan(case["error"][0]):
        return ""
    best = str(case["model"][0])
    start = f"In {describe_case(case)}, the smallest error has `{best}`"
    if best == against:
        return f"{start}: no model beats this baseline."
    difference, error, p = (float(case[name][0]) for name in ("difference", "error", "p"))
    return f"{start}: {verdict(difference, error, p, f'the best baseline, `{against}`')}."


def _identified_sentence(summary: "Summary", chosen: str | None) -> str:
    own = summary.undetermined.take(summary.undetermined["model"] == chosen)
    if len(own):
        return (
            f"The data leave something of `{chosen}` undetermined: {own['what'][0]} "
            f"(in {percentage(int(own['fits'][0]), int(own['of'][0]), 'fits')})."
        )
    weak = summary.weak.take(summary.weak["model"] == chosen)
    if len(weak):
        return (
            f"The data determine every parameter of `{chosen}`, some only just: {weak['what'][0]} "
            f"(in {percentage(int(weak['fits'][0]), int(weak['of'][0]), 'fits')})."
        )
    return f"The data determine every free parameter of `{chosen}`." if chosen else ""


def _serial_sentence(summary: "Summary", chosen: str | None) -> Sequence[str]:
    own = summary.serial.take(summary.serial["model"] == chosen)
    if not len(own) or own["fits"][0] < _MANY * own["of"][0]:
        return ()
    share = percentage(int(own["fits"][0]), int(own["of"][0]), "fits")
    return (
        f"Errors of `{chosen}` are correlated from one period to the next in {share} "
        f"(median correlation {own['correlation'][0]:.2g}): trust the intervals of autoregressive, hac or "
        "bootstrap, not those of covariance.",
    )


def _failure_sentence(summary: "Summary") -> Sequence[str]:
    lost = int(np.sum(summary.failures["fits"])) if len(summary.failures) else 0
    return (f"{lost} fit{'s' if lost > 1 else ''} failed; the reasons are below.",) if lost else ()
