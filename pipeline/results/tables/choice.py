"""Choosing between the models of a sweep, as tables: Akaike and stacking weights, regimes of markets."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.parameters import FIXED_RETURNS, RETURNS_TO_SCALE
from pipeline.models.adjustment import half_life
from pipeline.results.tables.frame import Table
from pipeline.results.tables.validation import kinds, read_losses
from pipeline.status import is_usable
from pipeline.validation.metrics import average
from pipeline.validation.model_weights import akaike_weights, regime, stacking_weights
from pipeline.validation.windows import GIVEN, ROLLING

if TYPE_CHECKING:
    from pipeline.results.tables.fits import SweepTables

CRITERIA = ("aic", "aicc", "bic")
POOLED = "(all)"
"""Stands for all markets together where a market's label is expected."""
_LEVEL = 0.95
_Z95 = 1.959963984540054
# Methods of intervals, those first whose coverage suffers least from correlated errors.
_TRUST = ("autoregressive", "bootstrap", "mcmc", "hac", "profile", "covariance")


def akaike(tables: "SweepTables") -> Table:
    """Information criteria and Akaike weights of the fits to all periods, by market and pooled.

    Returns
    -------
    Table
        One row a model and market: ``delta_aic`` and so on against the best model of the market,
        ``weight_aic`` and so on. The rows of the market `POOLED` take the sum of a criterion over the markets
        in which every model has a fit: fits of markets are independent, so their likelihoods multiply.
    """
    statistic = _first_window(tables)
    models, markets = tables.info.models, tables.labels("market")
    columns: dict[str, list[NDArray[Any]]] = {}
    common = ~np.isnan(statistic["bic"]).any(axis=0)
    for name in CRITERIA:
        values = statistic[name]
        pooled = values[:, common].sum(axis=1) if common.any() else np.full(len(models), np.nan)
        values = np.concatenate([values, pooled[:, None]], axis=1)
        best = np.where(np.isnan(values), np.inf, values).min(axis=0)
        columns[name] = [values.ravel()]
        columns[f"delta_{name}"] = [(values - np.where(np.isfinite(best), best, np.nan)).ravel()]
        columns[f"weight_{name}"] = [akaike_weights(values).ravel()]
    labels = np.array([*(str(market) for market in markets), POOLED], dtype=object)
    counts = np.array([1] * len(markets) + [int(common.sum())])
    table = {
        "model": np.repeat(np.array(models, dtype=object), len(labels)),
        "market": np.tile(labels, len(models)),
        "markets": np.tile(counts, len(models)),
    }
    found = Table(table | {name: parts[0] for name, parts in columns.items()})
    return found.take(~np.isnan(found["bic"]))


def stacking(tables: "SweepTables", future: str = GIVEN) -> Table:
    """Stacking weights of models and baselines from their predictive densities, by market and pooled.

    From rolling origins where the study has them, else from the holdout; cases are the periods that all
    contenders predicted.

    Returns
    -------
    Table
        One row a contender and market, those of `POOLED` first: weight, and number of periods used.
    """
    names = ("market", "window", "model", "periods", "weight")
    found = kinds(tables)
    if not found or "log_score" not in tables.labels("metric"):
        return Table.from_rows(names, [])
    kind = ROLLING if ROLLING in found else found[0]
    losses = read_losses(tables, kind, future, "log_score")
    density = -np.moveaxis(losses.error, 2, 0)  # (contender, market, window, step)
    # A contender that never gave a density (all its fits failed) must not take the others with it.
    able = ~np.isnan(density).all(axis=(1, 2, 3))
    contenders = [name for name, fit in zip(losses.contenders, able, strict=True) if fit]
    density = density[able]
    rows: list[tuple[Any, ...]] = []
    places = [(POOLED, slice(None))] if len(tables.labels("market")) > 1 else []
    places += [(str(market), slice(place, place + 1)) for place, market in enumerate(tables.labels("market"))]
    for label, chosen in places:
        cases = density[:, chosen].reshape(len(contenders), -1)
        cases = cases[:, np.isfinite(cases).all(axis=0)]
        if cases.shape[1]:
            weights = stacking_weights(cases)
            rows += [
                (label, kind, name, cases.shape[1], float(weight))
                for name, weight in zip(contenders, weights, strict=True)
            ]
    return Table.from_rows(names, rows)


def regimes(tables: "SweepTables") -> Table:
    """γ with its interval, what it says of each market, and the half-life of share adjustments.

    Returns
    -------
    Table
        One row a model and market of the fits to all periods. The interval is the one of the sweep that is
        least misled by correlated errors, at the level nearest to 95 %; from standard errors in a sweep
        without intervals. Where the form fixes γ, it has no interval, and
        ``assumed`` is true. ``half_life`` is in periods: infinite at γ = 1, missing where firms drift apart.
    """
    statistic = _first_window(tables)
    names = ("model", "market", "assumed", "gamma", "low", "high", "regime", "adjustment_rate", "half_life")
    rows: list[tuple[Any, ...]] = []
    for place, model in enumerate(tables.info.models):
        rate = statistic["adjustment_rate"][place]
        usable = ~np.isnan(statistic["bic"][place])
        gamma, lower, upper, assumed = _returns_to_scale(tables, model)
        life = half_life(rate)
        for row, market in enumerate(tables.labels("market").tolist()):
            if usable[row]:
                low, high = lower[row], upper[row]
                word = regime(gamma[row], gamma[row]) if assumed else regime(low, high)
                numbers = map(float, (rate[row], life[row]))
                rows.append(
                    (model, market, assumed, float(gamma[row]), float(low), float(high), word, *numbers)
                )
    return Table.from_rows(names, rows)


def pooled_choice(tables: "SweepTables") -> Table:
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
        own = table.take(table["model"] == model)
        pooled = own.take(own["market"] == POOLED)
        single = own.take(own["market"] != POOLED)
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


def regime_counts(tables: "SweepTables") -> Table:
    """One row a model: median γ, markets in each regime, median half-life."""
    table = regimes(tables)
    words = ("coexistence", "neutral", "lock-in", "undetermined")
    rows = []
    for model in tables.info.models:
        own = table.take(table["model"] == model)
        if len(own):
            counts = [int(np.sum(own["regime"] == word)) for word in words]
            life = own["half_life"][~np.isnan(own["half_life"])]
            source = "assumed" if own["assumed"][0] else "estimated"
            typical = float(np.median(life)) if life.size else np.nan
            rows.append((model, source, float(np.median(own["gamma"])), *counts, typical))
    return Table.from_rows(("model", "from", "gamma", *words, "half_life"), rows)


def _first_window(tables: "SweepTables") -> dict[str, NDArray[np.float64]]:
    """Statistics of the fits to all periods, (model, market); nan where a fit is not usable."""
    known = [str(name) for name in tables.labels("stat")]
    packed, usable = [], []
    for model in tables.info.models:
        arrays = tables.arrays(model)
        packed.append(np.asarray(arrays["statistic"][:, 0]))
        usable.append(is_usable(arrays["status"][:, 0]))
    values = np.where(np.stack(usable)[..., None], np.stack(packed), np.nan)
    wanted = (*CRITERIA, "adjustment_rate")
    missing = np.full(values.shape[:2], np.nan)
    return {name: values[..., known.index(name)] if name in known else missing for name in wanted}


def _returns_to_scale(
    tables: "SweepTables", model: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], bool]:
    """γ and the ends of its interval by market (L,), and whether the form fixes γ."""
    form = tables.form_of(model)
    names = [str(name) for name in tables.params_of(model)]
    missing = np.full(len(tables.labels("market")), np.nan)
    if form in FIXED_RETURNS or RETURNS_TO_SCALE not in names:
        return np.full(missing.size, FIXED_RETURNS.get(form, np.nan)), missing, missing, True
    arrays, place = tables.arrays(model), names.index(RETURNS_TO_SCALE)
    gamma = np.asarray(arrays["value"][:, 0, place])
    if "interval" in arrays:
        methods = [str(name) for name in tables.labels("interval_method")]
        method = methods.index(min(methods, key=_TRUST.index))
        level = int(np.argmin(np.abs(tables.labels("level") - _LEVEL)))
        ends = np.asarray(arrays["interval"][:, 0, method, place, level])
        return gamma, ends[:, 0], ends[:, 1], False
    stderr = np.asarray(arrays["stderr"][:, 0, place])
    return gamma, gamma - _Z95 * stderr, gamma + _Z95 * stderr, False
