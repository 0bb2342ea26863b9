"""Returns to scale γ read as a regime of the market, and how fast shares adjust."""

from typing import Any

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.parameters import FIXED_RETURNS, GAIN, RETURNS_TO_SCALE
from pipeline.config.sections.uncertainty import most_trusted
from pipeline.models.adjustment import half_life
from pipeline.results.frames.table import Table
from pipeline.results.intervals import LEVEL, normal_interval
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.model_weights import regime

REGIMES = ("coexistence", "neutral", "lock-in", "undetermined")


def regimes(tables: SweepTables) -> Table:
    """γ with its interval, what it says of each market, and the half-life of share adjustments.

    Returns
    -------
    Table
        One row a model and market of the fits to all periods. The interval is the one of the sweep that is
        least misled by correlated errors, at the level nearest to 95 %; from standard errors in a sweep
        without intervals. Where the form fixes γ, it has no interval, and
        ``assumed`` is true. ``half_life`` is in periods: infinite at γ = 1, missing where firms drift apart.
    """
    names = ("model", "market", "assumed", "gamma", "low", "high", "regime", "adjustment_rate", "half_life")
    rows: list[tuple[Any, ...]] = []
    markets = tables.labels("market").tolist()
    for model in tables.info.models:
        statistic = tables.statistics(model)
        usable = ~np.isnan(statistic["bic"])
        rate = statistic.get("adjustment_rate", np.full(len(markets), np.nan))
        life = half_life(rate)
        gamma, lower, upper, assumed = _returns_to_scale(tables, model)
        for row in np.flatnonzero(usable).tolist():
            low, high = lower[row], upper[row]
            word = regime(gamma[row], gamma[row]) if assumed else regime(low, high)
            numbers = map(float, (rate[row], life[row]))
            rows.append(
                (model, markets[row], assumed, float(gamma[row]), float(low), float(high), word, *numbers)
            )
    return Table.from_rows(names, rows)


def regime_counts(tables: SweepTables) -> Table:
    """One row a model: median γ, markets in each regime, median half-life."""
    table = regimes(tables)
    rows = []
    for model in tables.info.models:
        markets = table.take(table["model"] == model)
        if len(markets):
            counts = [int(np.sum(markets["regime"] == word)) for word in REGIMES]
            life = markets["half_life"][~np.isnan(markets["half_life"])]
            source = "assumed" if markets["assumed"][0] else "estimated"
            typical = float(np.median(life)) if life.size else np.nan
            rows.append((model, source, float(np.median(markets["gamma"])), *counts, typical))
    return Table.from_rows(("model", "from", "gamma", *REGIMES, "half_life"), rows)


def _returns_to_scale(tables: SweepTables, model: str) -> tuple[Floats, Floats, Floats, bool]:
    """γ and the ends of its interval by market (L,), and whether the form fixes γ."""
    form = tables.described(model)["form"]
    names = [str(name) for name in tables.params_of(model)]
    missing = np.full(len(tables.labels("market")), np.nan)
    if form in FIXED_RETURNS or RETURNS_TO_SCALE not in names:
        return np.full(missing.size, FIXED_RETURNS.get(form, np.nan)), missing, missing, True
    arrays, column = tables.arrays(model), names.index(RETURNS_TO_SCALE)
    gamma = np.asarray(arrays["value"][:, 0, column])
    if "interval" in arrays:
        methods = [str(name) for name in tables.labels("interval_method")]
        method = methods.index(most_trusted(methods) or methods[0])
        level = int(np.argmin(np.abs(tables.labels("level") - LEVEL)))
        ends = np.asarray(arrays["interval"][:, 0, method, column, level])
        return gamma, ends[:, 0], ends[:, 1], False
    return gamma, *normal_interval(gamma, np.asarray(arrays["stderr"][:, 0, column])), False


# Fewer half-lives than this in the data, with at least this part of errors lasting: autoregressive intervals
# of nominal 95 % covered 73 to 91 % (tests/benchmarks/noise_coverage.py, investment and scaled, half-lives of
# 8 and 20 of 104 periods), and 93 to 95 % with 52 half-lives or without errors that last.
_HALF_LIVES, _LASTING = 15.0, 0.25


def short_intervals(tables: SweepTables, model: str) -> tuple[str, ...]:
    """Say in how many markets shares adjust so slowly that coefficients and their speed are biased."""
    names = [str(name) for name in tables.params_of(model)]
    rate = tables.statistics(model).get("adjustment_rate")
    if rate is None or GAIN not in names:
        return ()
    gain = np.asarray(tables.arrays(model)["value"])[:, 0, names.index(GAIN)]
    half_lives = len(tables.labels("time")) * rate / np.log(2.0)
    known = np.isfinite(rate) & np.isfinite(gain)
    slow = known & (rate > 0.0) & (half_lives < _HALF_LIVES) & (gain >= _LASTING)
    if 2 * slow.sum() < max(known.sum(), 1):
        return ()
    left = np.median(half_lives[slow])
    return (
        f"In {slow.sum()} of {known.sum()} markets errors last and the data hold only {left:.2g} half-lives "
        "of adjustments: there adjustment looks faster than it is, and coefficients come out too "
        "small; recommended intervals allow for it, others that promise 95 % hold some 70 to 90 %.",
    )
