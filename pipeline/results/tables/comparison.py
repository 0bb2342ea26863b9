"""Which forecasts have the smaller errors, by how much, and whether by more than chance."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import QueryError
from pipeline.results.frames.table import Table
from pipeline.results.recipes import AUTO, auto_errors, has_auto
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables, is_all
from pipeline.validation.metrics import additive, average, pool
from pipeline.validation.significance import PairedBootstrap, diebold_mariano, paired_bootstrap
from pipeline.validation.windows import ALL, INNER, kind_of

METRIC = "rmse"
"""Of the errors that the verdict goes by."""
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
    "cases",
    "of",
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

    def known(self, step: int | None = None) -> NDArray[np.bool_]:
        """Mark the forecasts that there are, (contender, case): cases are those that anybody forecast."""
        error = self.error if step is None else self.error[..., step - 1 : step]
        known = ~np.isnan(np.moveaxis(error, 2, 0).reshape(error.shape[2], -1))
        return known[:, known.any(axis=0)]

    def paired(self, one: int, other: int) -> "Losses":
        """Keep two contenders, and the cases that both forecast."""
        pair = self.error[:, :, [one, other]]
        shared = ~np.isnan(pair).any(axis=2, keepdims=True)
        names = (self.contenders[one], self.contenders[other])
        baselines = tuple(name for name in names if name in self.baselines)
        return replace(self, error=np.where(shared, pair, np.nan), contenders=names, baselines=baselines)

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
    return tuple(kind for kind in known if kind not in (ALL, INNER)) if tables.validation_arrays() else ()


def read_losses(
    tables: SweepTables, kind: str, future: str, metric: str, markets: Selection = ALL_MARKETS
) -> Losses:
    """Read the errors of all contenders, in all markets or some.

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
    error = _errors(tables, metric, markets)[:, :, :, labels["future"].index(future)][:, windows]
    contenders, models = labels["model"], len(tables.info.models)
    if has_auto(tables):
        contenders = [*contenders[:models], AUTO, *contenders[models:]]
        chosen = auto_errors(tables, error, windows)
        error = np.concatenate([error[:, :, :models], chosen, error[:, :, models:]], axis=2)
    steps = ~np.isnan(error).all(axis=(0, 1, 2))
    last = int(np.flatnonzero(steps)[-1]) + 1 if steps.any() else 0
    study = json.loads(tables.info.attributes.get("study_json") or "{}")
    spacing = int(study.get("validation", {}).get("step", 1))
    baselines = tuple(tables.info.baselines)
    return Losses(error[..., :last], tuple(contenders), baselines, kind, future, metric, spacing)


def _errors(tables: SweepTables, metric: str, markets: Selection) -> NDArray[np.float64]:
    """Read all errors by one metric: (market, window, contender, future, step).

    Those by the metric of the verdict are asked for by every kind of windows and future, and kept.
    """

    def read() -> NDArray[np.float64]:
        arrays = tables.validation_arrays()
        column = [str(label) for label in tables.labels("metric")].index(metric)
        if "step_error" in arrays:
            return np.asarray(arrays["step_error"].oindex[markets, :, :, :, :, column])
        return np.asarray(arrays["error"].oindex[markets, :, :, :, column])[..., None]

    return tables.kept.once("errors", read) if metric == METRIC and is_all(markets) else read()


def compare(losses: Losses, *, step: int | None = None, against: str | None = None) -> Table:
    """Compare every contender with one of them: the best baseline, unless another is named.

    Differences, intervals and tests are over the cases (market, origin, periods ahead) that both forecast.

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
        One row a contender: markets; mean error over markets; markets in which it has the smallest, of
        those with all their cases; mean difference to the reference, with a 95 % interval and p-value from
        resampled markets (``test`` is ``markets``) or, with few markets, the p-value of Diebold and Mariano
        over time (``periods``); in how many markets that test finds it better or worse at 5 %; ``cases``
        that it forecast, ``of`` those that anybody did. First come those that forecast every case, by their
        difference to the reference, then likewise those that failed in some: their ``error`` is over other
        cases.

    Raises
    ------
    QueryError
        No such contender or step.
    """
    errors = losses.by_market(_checked_step(losses, step))
    if np.isnan(errors).all():
        return Table.from_rows(_COLUMNS, [])
    known = losses.known(step)
    reference = _reference(average(errors, 0), known, losses, against)
    wins = _wins(losses, errors, step)
    rows = [
        (
            *(losses.kind, losses.future, losses.metric, losses.contenders[contender]),
            int(np.sum(~np.isnan(errors[:, contender]))),
            float(average(errors[:, contender])),
            int(wins[contender]),
            losses.contenders[reference],
            *_difference(losses.paired(contender, reference), contender == reference, step),
            int(known[contender].sum()),
            known.shape[1],
        )
        for contender in range(len(losses.contenders))
    ]
    failed = ~known.all(axis=1)
    place = _COLUMNS.index("difference")
    difference = np.array([row[place] for row in rows])
    order = np.lexsort((np.where(np.isnan(difference), np.inf, difference), failed))
    return Table.from_rows(_COLUMNS, [rows[contender] for contender in order])


@dataclass(frozen=True, slots=True)
class Pair:
    """Errors of two contenders on the cases that both forecast.

    Attributes
    ----------
    error
        Mean over markets of the first one's.
    difference
        Mean over markets of its error less the other's.
    p
        That the difference is chance, as in `compare`; nan when no test can be made.
    """

    error: float
    difference: float
    p: float


def compare_pair(losses: Losses, one: str, other: str) -> Pair:
    """Compare two contenders on the cases that both forecast, all periods ahead together.

    Raises
    ------
    QueryError
        No such contender.
    """
    pair = losses.paired(_contender(losses, one), _contender(losses, other))
    difference, _, _, p, *_ = _difference(pair, one == other, None)
    return Pair(float(average(pair.by_market()[:, 0])), float(difference), float(p))


def _difference(pair: Losses, same: bool, step: int | None) -> tuple[Any, ...]:
    """Compare the first of two contenders with the second: from ``difference`` to ``worse_in``."""
    errors = pair.by_market(step)
    series, horizon = pair.series(step)
    test = diebold_mariano(series[:, 0] - series[:, 1], horizon)
    significant = test.mean[test.p < LEVEL]
    known = test.p[~np.isnan(test.p)]
    over_markets = paired_bootstrap(errors[:, 0] - errors[:, 1])
    if same:
        over_markets, known = PairedBootstrap(0.0, np.nan, np.nan, np.nan, over_markets.n), np.empty(0)
    enough = over_markets.n >= _FEW_MARKETS
    return (
        over_markets.mean,
        over_markets.low if enough else np.nan,
        over_markets.high if enough else np.nan,
        over_markets.p if enough else float(known[0]) if len(known) == 1 else np.nan,
        "markets" if enough else "periods",
        int(np.sum(significant < 0.0)),
        int(np.sum(significant > 0.0)),
    )


def _wins(losses: Losses, errors: NDArray[np.float64], step: int | None) -> NDArray[np.int64]:
    """Count the markets in which each contender has the smallest error, of those with all their cases."""
    error = losses.error if step is None else losses.error[..., step - 1 : step]
    count = (~np.isnan(error)).sum(axis=(1, 3))
    cases = (~np.isnan(error)).any(axis=2).sum(axis=(1, 2))
    ranked = np.where((count == cases[:, None]) & (count > 0), errors, np.inf)
    decided = np.isfinite(ranked).any(axis=1)
    return np.bincount(np.argmin(ranked, axis=1)[decided], minlength=errors.shape[1])


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
        One row a market: error of both over the cases that both forecast, their difference (negative:
        ``model`` is better), and the p-value of
        Diebold and Mariano over time, with the number of losses that it rests on.

    Raises
    ------
    QueryError
        No such contender or step.
    """
    step = _checked_step(losses, step)
    pair = losses.paired(_contender(losses, model), _contender(losses, against))
    errors = pair.by_market(step)
    series, horizon = pair.series(step)
    test = diebold_mariano(series[:, 0] - series[:, 1], horizon)
    return Table(
        {
            "market": markets,
            model: errors[:, 0],
            against: errors[:, 1],
            "difference": errors[:, 0] - errors[:, 1],
            "p": test.p,
            "n": test.n,
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


def _reference(
    mean: NDArray[np.float64], known: NDArray[np.bool_], losses: Losses, against: str | None
) -> int:
    """Find the contender to compare with: the one named, else the best baseline, else the best.

    The best is sought among those with the most cases: a mean over fewer would be of other, perhaps easier
    ones.
    """
    if against is not None:
        return _contender(losses, against)
    count = known.sum(axis=1)
    candidates = np.isin(losses.contenders, losses.baselines) & (count > 0)
    if not candidates.any():
        candidates = count > 0
    candidates &= count == count[candidates].max()
    return int(np.argmin(np.where(candidates, mean, np.inf)))


def comparisons(
    tables: SweepTables, metrics: Sequence[str] = _COMPARED, markets: Selection = ALL_MARKETS
) -> Table:
    """`compare` for all kinds of windows, futures, and some metrics, all periods ahead together."""
    if is_all(markets):
        return tables.kept.once(("comparison", *metrics), lambda: _comparisons(tables, metrics, markets))
    return _comparisons(tables, metrics, markets)


def _comparisons(tables: SweepTables, metrics: Sequence[str], markets: Selection) -> Table:
    parts = [
        compare(read_losses(tables, kind, str(future), metric, markets))
        for kind in kinds(tables)
        for future in tables.labels("future")
        for metric in metrics
        if metric in tables.labels("metric")
    ]
    return Table.from_rows(_COLUMNS, [row for part in parts for row in part.rows()])
