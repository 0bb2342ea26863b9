"""Which forecasts have the smaller errors, by how much, and whether by more than chance."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import QueryError
from pipeline.results.frames.table import Table
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.metrics import METRICS, additive, average, pool
from pipeline.validation.significance import PairedBootstrap, diebold_mariano, paired_bootstrap
from pipeline.validation.windows import ALL, kind_of

LEVEL = 0.05
"""A difference is more than chance when its p-value is below this."""
_COMPARED = ("rmse", "log_score", "crps")
# Below so many markets, resampling them tells little, and the test over time speaks instead.
_FEW_MARKETS = 5
_COLUMNS = (
    "window",
    "future",
    "metric",
    "model",
    "markets",
    "error",
    "wins",
    "against",
    "difference",
    "low",
    "high",
    "p",
    "test",
    "better_in",
    "worse_in",
)


@dataclass(frozen=True)
class Losses:
    """Errors of one kind of windows, one future and one metric.

    Attributes
    ----------
    error : (market, window, contender, step) array
        nan where there is no forecast.
    contenders, baselines : tuple of str
        Models, then baselines; and these alone.
    kind, future, metric : str
    spacing : int
        Periods from one rolling origin to the next.
    """

    error: NDArray[np.float64]
    contenders: tuple[str, ...]
    baselines: tuple[str, ...]
    kind: str
    future: str
    metric: str
    spacing: int = 1

    def by_market(self, step: int | None = None) -> NDArray[np.float64]:
        """Pool windows and steps (or take one step): (market, contender)."""
        error = self.error if step is None else self.error[..., step - 1 : step]
        return pool(error[..., None], (self.metric,), (1, 3))[..., 0]

    def series(self, step: int | None) -> tuple[NDArray[np.float64], int]:
        """Give losses in the order of time (market, contender, time), and how many of them overlap."""
        loss = additive(self.error, self.metric)
        if self.kind == "holdout":
            ahead = loss[:, 0] if step is None else loss[:, 0, :, step - 1 : step]
            # One origin: errors of neighbouring periods are correlated, over an unknown number of periods.
            return ahead, 1 + int(np.cbrt(ahead.shape[-1]))
        reach = loss.shape[-1] if step is None else step
        chosen = average(loss) if step is None else loss[..., step - 1]
        return np.moveaxis(chosen, 1, 2), -(-reach // self.spacing)


def kinds(tables: SweepTables) -> tuple[str, ...]:
    """Kinds of windows with forecasts that a sweep has: holdout, rolling."""
    known = dict.fromkeys(kind_of(str(name)) for name in tables.labels("window"))
    return tuple(kind for kind in known if kind != ALL) if tables.validation_arrays() else ()


def read_losses(tables: SweepTables, kind: str, future: str, metric: str) -> Losses:
    """Read the errors of all contenders.

    Raises
    ------
    QueryError
        The sweep has no such windows, future or metric.
    """
    labels = {axis: [str(label) for label in tables.labels(axis)] for axis in ("future", "metric", "model")}
    for name, value, known in (
        ("kind of windows", kind, kinds(tables)),
        ("future", future, labels["future"]),
        ("metric", metric, labels["metric"]),
    ):
        if value not in known:
            raise QueryError(
                f"The sweep {tables.info.name} has no {name} {value!r}; it has {', '.join(known) or 'none'}."
            )
    windows = np.array([kind_of(str(name)) == kind for name in tables.labels("window")])
    arrays = tables.validation_arrays()
    row, column = labels["future"].index(future), labels["metric"].index(metric)
    if "step_error" in arrays:
        error = np.asarray(arrays["step_error"].oindex[:, windows, :, row, :, column])
    else:
        error = np.asarray(arrays["error"].oindex[:, windows, :, row, column])[..., None]
    steps = ~np.isnan(error).all(axis=(0, 1, 2))
    last = int(np.flatnonzero(steps)[-1]) + 1 if steps.any() else 0
    study = json.loads(tables.info.attributes.get("study_json") or "{}")
    spacing = int(study.get("validation", {}).get("step", 1))
    return Losses(
        error[..., :last],
        tuple(labels["model"]),
        tuple(tables.info.baselines),
        kind,
        future,
        metric,
        spacing,
    )


def compare(losses: Losses, *, step: int | None = None, against: str | None = None) -> Table:
    """Compare every contender with one of them: the best baseline, unless another is named.

    Parameters
    ----------
    losses : Losses
        From `read_losses`.
    step : int, optional
        Only this many periods ahead; by default all together.
    against : str, optional
        A model or baseline.

    Returns
    -------
    Table
        One row a contender, the best first: mean error over markets; markets in which it has the smallest;
        mean difference to the reference, with a 95 % interval and p-value from resampled markets
        (``test`` is ``markets``) or, with few markets, the p-value of Diebold and Mariano over time
        (``periods``); in how many markets that test finds it better or worse at 5 %.

    Raises
    ------
    QueryError
        No such contender or step.
    """
    errors = losses.by_market(_checked_step(losses, step))
    mean = average(errors, 0)
    if np.isnan(mean).all():
        return Table.from_rows(_COLUMNS, [])
    reference = _reference(losses, mean, against)
    wins = np.bincount(
        np.argmin(np.where(np.isnan(errors), np.inf, errors), axis=1)[~np.isnan(errors).all(axis=1)],
        minlength=mean.size,
    )
    series, horizon = losses.series(step)
    rows = []
    for contender in np.argsort(np.where(np.isnan(mean), np.inf, mean), kind="stable"):
        tests = [diebold_mariano(loss[contender] - loss[reference], horizon) for loss in series]
        significant = [test.mean for test in tests if test.p < LEVEL]
        known = [test.p for test in tests if not np.isnan(test.p)]
        over_markets = paired_bootstrap(errors[:, contender] - errors[:, reference])
        if contender == reference:
            over_markets, known = PairedBootstrap(0.0, np.nan, np.nan, np.nan, over_markets.n), []
        enough = over_markets.n >= _FEW_MARKETS
        rows.append(
            (
                *(losses.kind, losses.future, losses.metric, losses.contenders[contender]),
                int(np.sum(~np.isnan(errors[:, contender]))),
                float(mean[contender]),
                int(wins[contender]),
                losses.contenders[reference],
                over_markets.mean,
                over_markets.low if enough else np.nan,
                over_markets.high if enough else np.nan,
                over_markets.p if enough else known[0] if len(known) == 1 else np.nan,
                "markets" if enough else "periods",
                sum(difference < 0.0 for difference in significant),
                sum(difference > 0.0 for difference in significant),
            )
        )
    return Table.from_rows(_COLUMNS, rows)


def duel(
    losses: Losses, markets: NDArray[Any], model: str, against: str, *, step: int | None = None
) -> Table:
    """Compare two contenders in each market.

    Parameters
    ----------
    losses : Losses
        From `read_losses`.
    markets : (market,) array
        Labels.
    model, against : str
        Models or baselines.
    step : int, optional
        Only this many periods ahead; by default all together.

    Returns
    -------
    Table
        One row a market: error of both, their difference (negative: ``model`` is better), and the p-value of
        Diebold and Mariano over time, with the number of losses that it rests on.

    Raises
    ------
    QueryError
        No such contender or step.
    """
    errors = losses.by_market(_checked_step(losses, step))
    one, other = _contender(losses, model), _contender(losses, against)
    series, horizon = losses.series(step)
    tests = [diebold_mariano(loss[one] - loss[other], horizon) for loss in series]
    return Table(
        {
            "market": markets,
            model: errors[:, one],
            against: errors[:, other],
            "difference": errors[:, one] - errors[:, other],
            "p": np.array([test.p for test in tests]),
            "n": np.array([test.n for test in tests]),
        }
    )


def _checked_step(losses: Losses, step: int | None) -> int | None:
    if step is not None and not 1 <= step <= losses.error.shape[-1]:
        raise QueryError(f"Got {step} periods ahead; forecasts reach from 1 to {losses.error.shape[-1]}.")
    return step


def _contender(losses: Losses, name: str) -> int:
    """Find a model or baseline along the axis of contenders."""
    if name not in losses.contenders:
        known = ", ".join(losses.contenders)
        raise QueryError(f"No model and no baseline is called {name!r}; there are {known}.")
    return losses.contenders.index(name)


def _reference(losses: Losses, mean: NDArray[np.float64], against: str | None) -> int:
    """Find the contender to compare with: the one named, else the best baseline, else the best."""
    if against is not None:
        return _contender(losses, against)
    ranked = np.where(np.isnan(mean), np.inf, mean)
    baseline = np.isin(losses.contenders, losses.baselines)
    if np.isfinite(ranked[baseline]).any():
        ranked = np.where(baseline, ranked, np.inf)
    return int(np.argmin(ranked))


def comparisons(tables: SweepTables, metrics: Sequence[str] = _COMPARED) -> Table:
    """`compare` for all kinds of windows, futures, and some metrics, all periods ahead together."""
    parts = [
        compare(read_losses(tables, kind, str(future), metric))
        for kind in kinds(tables)
        for future in tables.labels("future")
        for metric in metrics
        if metric in tables.labels("metric")
    ]
    return Table.from_rows(_COLUMNS, [row for part in parts for row in part.rows()])


def by_horizon(losses: Losses, most: int = 6) -> Table:
    """Mean error over markets for some numbers of periods ahead: one row a contender, the best first."""
    reach = losses.error.shape[-1]
    steps = (
        range(1, reach + 1)
        if reach <= most
        else sorted({*(2**k for k in range(most - 1) if 2**k < reach), reach})
    )
    columns = np.stack([average(losses.by_market(step), 0) for step in steps], axis=1) if reach else None
    if columns is None:
        return Table({"model": np.array([], object)})
    order = np.argsort(np.where(np.isnan(columns[:, 0]), np.inf, columns[:, 0]), kind="stable")
    models = {"model": np.array(losses.contenders, dtype=object)[order]}
    return Table(models | {f"{step} ahead": columns[order, column] for column, step in enumerate(steps)})


def all_metrics(tables: SweepTables) -> Table:
    """Mean over markets of every metric, all windows of a kind and all periods ahead pooled."""
    arrays = tables.validation_arrays()
    metrics = [str(name) for name in tables.labels("metric")] if arrays else []
    names = ("window", "future", "model", "markets", *metrics)
    rows: list[tuple[Any, ...]] = []
    for kind in kinds(tables):
        windows = np.array([kind_of(str(name)) == kind for name in tables.labels("window")])
        error = np.asarray(arrays["error"].oindex[:, windows])
        pooled = pool(error, [name if name in METRICS else "mae" for name in metrics], 1)
        for column, future in enumerate(tables.labels("future")):
            for row, model in enumerate(tables.labels("model")):
                errors = pooled[:, row, column]
                count = int(np.sum(~np.isnan(errors).all(axis=1)))
                if count:
                    rows.append((kind, future, model, count, *average(errors, 0).tolist()))
    return Table.from_rows(names, rows)
