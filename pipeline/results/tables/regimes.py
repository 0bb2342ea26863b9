"""Returns to scale γ read as a regime of the market, and how fast shares adjust."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.parameters import FIXED_RETURNS, GAIN, RETURNS_TO_SCALE
from pipeline.config.sections.uncertainty import most_trusted
from pipeline.models.adjustment import half_life
from pipeline.results.frames.table import Table
from pipeline.results.intervals import LEVEL, normal_interval
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.model_weights import REGIMES, regime


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
    parts = [_regimes_of(tables, model) for model in tables.info.models]
    return Table({name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns})


def _regimes_of(tables: SweepTables, model: str) -> Table:
    markets, statistic = tables.labels("market"), tables.statistics(model)
    rate = statistic.get("adjustment_rate", np.full(len(markets), np.nan))
    gamma, low, high, assumed = _returns_to_scale(tables, model)
    columns = {
        "model": np.full(len(markets), model, dtype=object),
        "market": markets,
        "assumed": np.full(len(markets), assumed),
        "gamma": gamma,
        "low": low,
        "high": high,
        "regime": regime(gamma, gamma) if assumed else regime(low, high),
        "adjustment_rate": rate,
        "half_life": half_life(rate),
    }
    return Table(columns).take(~np.isnan(statistic["bic"]))


def adjustment_rates(tables: SweepTables, model: str) -> Floats:
    """Rates at which shares adjust in the markets that have a usable fit, where they are known."""
    statistic = tables.statistics(model)
    rate = statistic.get("adjustment_rate", np.full(len(tables.labels("market")), np.nan))
    known: Floats = rate[~np.isnan(rate) & ~np.isnan(statistic["bic"])]
    return known


def typical_half_life(tables: SweepTables, model: str) -> float:
    """Median over markets of the half-life of share adjustments of a model, in periods; nan when unknown."""
    life = half_life(adjustment_rates(tables, model))
    known = life[~np.isnan(life)]
    return float(np.median(known)) if known.size else np.nan


def regime_counts(tables: SweepTables) -> Table:
    """One row a model: median γ, markets in each regime, median half-life."""
    rows = []
    for model in tables.info.models:
        markets = _regimes_of(tables, model)
        if len(markets):
            counts = [int(np.sum(markets["regime"] == word)) for word in REGIMES]
            source = "assumed" if markets["assumed"][0] else "estimated"
            typical = typical_half_life(tables, model)
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
