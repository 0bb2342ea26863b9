"""Choosing between the models of a sweep, as tables: Akaike weights and stacking weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.results.frames.table import Table
from pipeline.results.recipes import AUTO
from pipeline.results.tables.comparison import kinds, read_losses
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.metrics import average
from pipeline.validation.model_weights import akaike_weights, stacking_weights
from pipeline.validation.windows import GIVEN, ROLLING

CRITERIA = ("aic", "aicc", "bic")
POOLED = "(all)"
"""Stands for all markets together where a market's label is expected."""
MARKET_PERIODS = 32
"""Periods from which a market has stacking weights of its own.

Chosen on the orange juice data (30 stores; the baselines last, mean, smoothing, attraction, mci and wiener;
one week ahead): weights of a store from its own n weeks, tried on its next 20, gain -0.24, -0.12, -0.12,
-0.06, -0.02, -0.03, -0.01 and 0.00 nats a week over pooled weights for n = 4, 6, 8, 12, 16, 24, 32 and 48,
with standard errors of 0.04 to 0.01.
"""
# Part of the cases that the contenders of a mixture must share.
_SHARED = 0.9


def akaike(tables: SweepTables) -> Table:
    """Information criteria and Akaike weights of the fits to all periods, by market and pooled.

    Returns
    -------
    Table
        One row a model and market: ``delta_aic`` and so on against the best model of the market,
        ``weight_aic`` and so on. The rows of the market `POOLED` take the sum of a criterion over the markets
        in which every model has a fit: fits of markets are independent, so their likelihoods multiply.
    """
    models, markets = tables.info.models, tables.labels("market")
    missing = np.full(len(markets), np.nan)  # in stores of early versions
    statistics = [tables.statistics(model) for model in models]
    criteria = {name: np.stack([of_model.get(name, missing) for of_model in statistics]) for name in CRITERIA}
    common = ~np.isnan(criteria["bic"]).any(axis=0)
    labels = np.array([*(str(market) for market in markets), POOLED], dtype=object)
    counts = np.array([1] * len(markets) + [int(common.sum())])
    columns = {
        "model": np.repeat(np.array(models, dtype=object), len(labels)),
        "market": np.tile(labels, len(models)),
        "markets": np.tile(counts, len(models)),
    }
    for name, values in criteria.items():
        pooled = values[:, common].sum(axis=1) if common.any() else np.full(len(models), np.nan)
        values = np.concatenate([values, pooled[:, None]], axis=1)
        best = np.where(np.isnan(values), np.inf, values).min(axis=0)
        columns[name] = values.ravel()
        columns[f"delta_{name}"] = (values - np.where(np.isfinite(best), best, np.nan)).ravel()
        columns[f"weight_{name}"] = akaike_weights(values).ravel()
    table = Table(columns)
    return table.take(~np.isnan(table["bic"]))


def stacking(tables: SweepTables, future: str = GIVEN) -> Table:
    """Stacking weights of models and baselines from their predictive densities, pooled and by market.

    From rolling origins where the study has them, else from the holdout; cases are the periods that all
    contenders of a mixture predicted. One that failed so often that too few cases would be left stands apart:
    its weight is missing.

    Returns
    -------
    Table
        One row a contender and market, those of `POOLED` first: weight, number of periods that the weights
        rest on (for one that stands apart, those that it predicted). Of several markets, only those with
        `MARKET_PERIODS` or more have weights of their own.
    """
    names = ("market", "window", "model", "periods", "weight")
    windows = kinds(tables)
    if not windows or "log_score" not in tables.labels("metric"):
        return Table.from_rows(names, [])
    kind = ROLLING if ROLLING in windows else windows[0]
    losses = read_losses(tables, kind, future, "log_score")
    # `auto` is one of the models everywhere: beside them it adds nothing to a mixture.
    others = [place for place, name in enumerate(losses.contenders) if name != AUTO]
    contenders = [losses.contenders[place] for place in others]
    density = -np.moveaxis(losses.error[:, :, others], 2, 0)  # (contender, market, window, step)
    markets = tables.labels("market")
    rows: list[tuple[Any, ...]] = []
    if len(markets) > 1:
        rows += [(POOLED, kind, *row) for row in stack(density, contenders)]
    fewest = MARKET_PERIODS if len(markets) > 1 else 1
    for row, market in enumerate(markets):
        rows += [(str(market), kind, *part) for part in stack(density[:, row], contenders, fewest)]
    return Table.from_rows(names, rows)


def stack(
    density: NDArray[np.float64], contenders: Sequence[str], fewest: int = 1
) -> list[tuple[str, int, float]]:
    """Weigh contenders by their log densities (contender, ...), nan where there is none.

    Returns
    -------
    list of tuple
        Contender, periods, weight (nan: it failed too often and stands apart); nothing with fewer
        periods than ``fewest``.
    """
    cases = density.reshape(len(contenders), -1)
    cases = np.where(np.isfinite(cases), cases, np.nan)
    known = ~np.isnan(cases[:, ~np.isnan(cases).all(axis=0)])
    cases = cases[:, ~np.isnan(cases).all(axis=0)]
    counts = known.sum(axis=1)
    kept = counts > 0
    # Those that predicted least go first, until what the others share is nearly all that there is.
    while kept.any() and known[kept].all(axis=0).sum() < _SHARED * known.shape[1]:
        kept &= counts > counts[kept].min()
    if not kept.any():
        kept = counts == counts.max(initial=1)
    shared = known[kept].all(axis=0)
    periods = int(shared.sum()) if kept.any() else 0
    if periods < fewest:
        return []
    weights = np.full(len(contenders), np.nan)
    weights[kept] = stacking_weights(cases[kept][:, shared])
    return [
        (name, periods if taking_part else int(count), float(weight))
        for name, taking_part, count, weight in zip(contenders, kept, counts, weights, strict=True)
        if count
    ]


def pooled_choice(tables: SweepTables) -> Table:
    """Give one row a model, the best by AICc first, then one a baseline.

    Returns
    -------
    Table
        Differences in the sum of each criterion over markets, means of weights over markets, and the stacking
        weight for all markets together.
    """
    table = akaike(tables)
    stacked = stacking(tables)
    label = POOLED if POOLED in stacked["market"] else None
    weights = {row[2]: row[4] for row in stacked.rows() if label is None or row[0] == label}
    rows = []
    for model in tables.info.models:
        pooled = table.take((table["model"] == model) & (table["market"] == POOLED))
        single = table.take((table["model"] == model) & (table["market"] != POOLED))
        if len(single):
            sums = [float(pooled[f"delta_{name}"][0]) if len(pooled) else np.nan for name in CRITERIA]
            means = [float(average(single[f"weight_{name}"])) for name in CRITERIA]
            rows.append((model, len(single), *sums, *means, weights.get(model, np.nan)))
    rows += [
        (name, len(tables.labels("market")), *[np.nan] * 6, weights[name])
        for name in tables.info.baselines
        if rows and name in weights
    ]
    criteria = [f"{kind}_{name}" for kind in ("delta", "weight") for name in CRITERIA]
    table = Table.from_rows(("model", "markets", *criteria, "stacking"), rows)
    return table.sorted("delta_aicc") if rows else table
