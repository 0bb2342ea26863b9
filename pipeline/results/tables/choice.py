"""Choosing between the models of a sweep, as tables: Akaike weights and stacking weights."""

from typing import Any

import numpy as np

from pipeline.results.frames.table import Table
from pipeline.results.tables.comparison import kinds, read_losses
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.metrics import average
from pipeline.validation.model_weights import akaike_weights, stacking_weights
from pipeline.validation.windows import GIVEN, ROLLING

CRITERIA = ("aic", "aicc", "bic")
POOLED = "(all)"
"""Stands for all markets together where a market's label is expected."""


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
    """Stacking weights of models and baselines from their predictive densities, by market and pooled.

    From rolling origins where the study has them, else from the holdout; cases are the periods that all
    contenders predicted.

    Returns
    -------
    Table
        One row a contender and market, those of `POOLED` first: weight, and number of periods used.
    """
    names = ("market", "window", "model", "periods", "weight")
    windows = kinds(tables)
    if not windows or "log_score" not in tables.labels("metric"):
        return Table.from_rows(names, [])
    kind = ROLLING if ROLLING in windows else windows[0]
    losses = read_losses(tables, kind, future, "log_score")
    density = -np.moveaxis(losses.error, 2, 0)  # (contender, market, window, step)
    # A contender that never gave a density (all its fits failed) must not take the others with it.
    has_density = ~np.isnan(density).all(axis=(1, 2, 3))
    contenders = [name for name, known in zip(losses.contenders, has_density, strict=True) if known]
    density = density[has_density]
    rows: list[tuple[Any, ...]] = []
    markets = tables.labels("market")
    groups = [(POOLED, slice(None))] if len(markets) > 1 else []
    groups += [(str(market), slice(place, place + 1)) for place, market in enumerate(markets)]
    for label, chosen in groups:
        cases = density[:, chosen].reshape(len(contenders), -1)
        cases = cases[:, np.isfinite(cases).all(axis=0)]
        if cases.shape[1]:
            weights = stacking_weights(cases)
            rows += [
                (label, kind, name, cases.shape[1], float(weight))
                for name, weight in zip(contenders, weights, strict=True)
            ]
    return Table.from_rows(names, rows)


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
