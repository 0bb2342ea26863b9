"""What tests of residuals say of the fits of a sweep, counted against what chance alone would show."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from pipeline.results.frames.table import Table
from pipeline.store.format.catalogue import CAP

LEVEL = 0.05
"""A fit is flagged when its p-value is below this."""
CHECKS: Mapping[str, str] = {
    "p_autocorrelation": "errors are correlated from one period to the next",
    "p_size_firms": "errors are larger in some firms than in others",
    "p_size_time": "errors change in size over time",
    "p_break": "a parameter changes on the way",
}
"""What a small p-value says, by the name of its statistic."""

_WHAT_TO_DO = {
    "p_size_firms": "a covariance of errors by firm weighs them as they deserve",
    "p_size_time": "intervals hold on average over the periods, not in each",
    "p_break": "estimates are means over different times; fit a rolling window, or the periods since",
}
_ORDERS = ("none", "order_1", "order_2", "beyond_2")


def summarise_checks(statistics: Mapping[str, Mapping[str, np.ndarray]]) -> Table:
    """Count the fits that tests of residuals flag at 5 %.

    Parameters
    ----------
    statistics
        By model and name, (market,) each; stores of early versions lack the tests.

    Returns
    -------
    Table
        One row a model and test: fits flagged, of how many, how many chance alone would flag, the median
        p-value, and whether so many are more than chance (binomial, 5 %).
    """
    rows = []
    for model, statistic in statistics.items():
        for name, what in CHECKS.items():
            p = statistic.get(name, np.empty(0))
            p = p[np.isfinite(p)]
            if not p.size:
                continue
            flagged = int(np.sum(p < LEVEL))
            more = is_more_than_chance(flagged, p.size)
            rows.append((model, what, flagged, p.size, LEVEL * p.size, float(np.median(p)), more))
    names = ("model", "what", "flagged", "of", "by_chance", "median_p", "more_than_chance")
    return Table.from_rows(names, rows)


def is_more_than_chance(flagged: int, of: int) -> bool:
    """Tell whether tests at 5 % that find nothing would flag so many fits in less than one case of 20.

    Parameters
    ----------
    flagged, of
        Fits flagged, of how many.
    """
    return bool(special.bdtrc(flagged - 1, of, LEVEL) <= LEVEL * (1.0 + 1e-9))


def summarise_orders(statistics: Mapping[str, Mapping[str, np.ndarray]]) -> Table:
    """Count the fits by the order of the autoregression of their errors.

    Parameters
    ----------
    statistics
        As for `summarise_checks`.

    Returns
    -------
    Table
        One row a model: fits whose errors need none, order 1, order 2, or more; those whose correlation is
        at the cap that is used; those in which errors may be a random walk (a unit root is not rejected at
        5 %); of how many.
    """
    rows = []
    for model, statistic in statistics.items():
        order = statistic.get("error_order", np.empty(0))
        known = np.isfinite(order)
        if known.any():
            counts = np.bincount(order[known].astype(int), minlength=len(_ORDERS))[: len(_ORDERS)]
            capped = int(np.sum(statistic["autocorrelation"][known] >= CAP - 1e-9))
            walks = int(np.sum(statistic["p_unit_root"][known] > LEVEL))
            rows.append((model, *counts.tolist(), capped, walks, int(known.sum())))
    return Table.from_rows(("model", *_ORDERS, "at_cap", "unit_root", "of"), rows)


def describe_checks(checks: Table, model: str) -> tuple[str, ...]:
    """Say of one model what tests of residuals flagged more often than by chance, and what follows.

    Parameters
    ----------
    checks
        `summarise_checks`.
    model
        Its name.
    """
    sentences = []
    for _, what, flagged, of, by_chance, p, more in checks.take(checks["model"] == model).rows():
        remedy = next((_WHAT_TO_DO.get(name, "") for name, text in CHECKS.items() if text == what), "")
        if more and remedy:
            sentences.append(f"{_count(what, flagged, of, by_chance, p)}: {remedy}.")
    return tuple(sentences)


def _count(what: str, flagged: int, of: int, by_chance: float, p: float) -> str:
    what = what[0].upper() + what[1:]
    if of == 1:
        return f"{what} (p = {p:.2g})"
    return f"{what} in {flagged} of {of} markets at 5 % ({by_chance_text(by_chance)} by chance)"


def by_chance_text(count: float) -> str:
    """Write how many are flagged by chance: in full where there are many."""
    return f"{count:.0f}" if count >= 100.0 else f"{count:.3g}"


def describe_orders(orders: Table, model: str) -> tuple[str, ...]:
    """Say of one model how its errors hang together over time; empty where they do not.

    Parameters
    ----------
    orders
        `summarise_orders`.
    model
        Its name.
    """
    sentences = []
    for _, none, first, second, beyond, capped, walks, of in orders.take(orders["model"] == model).rows():
        if none < of:
            sentences.append(
                f"Errors of {_markets(none, of)} are uncorrelated over time; an autoregression of order 1 "
                f"does in {first}, order 2 in {second}, and two are not enough in {beyond} (by BIC). "
                "The intervals `autoregressive` take the order found, 2 at most."
            )
        if capped:
            sentences.append(
                f"In {_markets(capped, of)} the correlation of errors is at the cap of {CAP:g}: they are "
                "hardly to be told from a trend, and intervals are too short there."
            )
        if walks:
            sentences.append(
                f"In {_markets(walks, of)} errors may be a random walk (a unit root is not rejected at 5 %): "
                "something that drifts is missing from the model; a higher gain lets the state follow it."
            )
    return tuple(sentences)


def _markets(count: int, of: int) -> str:
    return f"{count} of {of} market{'s' if of > 1 else ''}"
