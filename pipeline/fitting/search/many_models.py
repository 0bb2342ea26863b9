"""Searches for many models, those of one shape in one batch: as many markets, as many starts each."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from kernels.least_squares.batch import BatchFit, fit_batch
from kernels.least_squares.residual import MarketData
from kernels.numeric.arrays import Matrix
from pipeline.models.market_model import MarketModel

# Part of the cost that a search from many starts leaves to the fit that goes on from the best.
_SCREENED = 1e-10

_BY_MARKET = ("efforts", "active", "share", "total_sales", "duration", "reference_sales")


def fit_model(model: MarketModel, starts: Matrix, max_evaluations: int) -> BatchFit:
    """Fit one model from many starts (S, P), as `fit_models` does."""
    return fit_models([model], [starts], max_evaluations)[0]


def fit_models(
    models: Sequence[MarketModel],
    starts: Sequence[Matrix],
    max_evaluations: int,
    *,
    cost_tolerance: float = 1e-10,
    promise_tolerance: float = _SCREENED,
) -> list[BatchFit]:
    """Fit models, those of one shape in one batch, each from its own starts; those with experiments alone.

    Parameters
    ----------
    models : sequence of MarketModel
    starts : sequence of (S, P) array
        Of each; one that leads to the optimum of one before ends there.
    max_evaluations : int
        For each start.
    cost_tolerance, promise_tolerance : float
        As of `MarketModel.fit_many`.

    Returns
    -------
    list of BatchFit
        The numbers of each do not depend on the others, but for rounding.
    """
    alike: dict[Hashable, list[int]] = defaultdict(list)
    found: dict[int, BatchFit] = {}
    for place, model in enumerate(models):
        if model.tested:
            found[place] = model.fit_many(
                starts[place],
                max_evaluations=max_evaluations,
                cost_tolerance=cost_tolerance,
                promise_tolerance=promise_tolerance,
            )
        else:
            alike[_key(model)].append(place)
    for places in alike.values():
        some, their = [models[place] for place in places], [starts[place] for place in places]
        fits = _fit_alike(some, their, max_evaluations, cost_tolerance, promise_tolerance)
        found.update(zip(places, fits, strict=True))
    return [found[place] for place in range(len(models))]


def _key(model: MarketModel) -> Hashable:
    """Tell models apart that cannot be in one batch: another response, size, or kind of problem.

    What is one for all markets of a batch (whitening, controls) is part of it.
    """
    if model.batch_key is None:
        data = model.data
        shared = tuple(getattr(data, name) for name in data._fields if name not in _BY_MARKET)
        parts = model.response.spec, model.gamma_form, model.vary, data.efforts.shape, shared
        model.batch_key = _fingerprint(parts)
    return model.batch_key


def _fingerprint(value: object) -> Hashable:
    """Make a key of numbers, arrays and tuples of them: a tenth of the time that pickling them takes."""
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return tuple(map(_fingerprint, value)) if isinstance(value, tuple) else value


def _fit_alike(
    models: Sequence[MarketModel],
    starts: Sequence[Matrix],
    max_evaluations: int,
    cost_tolerance: float,
    promise_tolerance: float,
) -> list[BatchFit]:
    """Fit models of one shape."""
    first, counts = models[0], [len(rows) for rows in starts]
    market = np.repeat(np.arange(len(models)), counts)
    arrays = {name: np.stack([getattr(model.data, name) for model in models]) for name in _BY_MARKET}
    targets = np.zeros((len(models), max(model.target.size for model in models)))
    for row, model in zip(targets, models, strict=True):
        row[: model.target.size] = model.target

    def of_each(name: str) -> Matrix:
        rows: Matrix = np.stack([getattr(model, name) for model in models])[market]
        return rows

    fit = fit_batch(
        first.response.spec,
        MarketData(**{**first.data._asdict(), **arrays}),
        np.concatenate(starts),
        of_each("lower"),
        of_each("upper"),
        vary=first.vary,
        gamma_form=first.gamma_form,
        data_index=market,
        targets=targets,
        target_index=market,
        groups=market,
        prior_mean=of_each("prior_mean"),
        prior_weight=of_each("prior_weight"),
        max_evaluations=max_evaluations,
        cost_tolerance=cost_tolerance,
        promise_tolerance=promise_tolerance,
    )
    ends = np.cumsum(counts)
    parts = [slice(end - count, end) for end, count in zip(ends.tolist(), counts, strict=True)]
    return [
        BatchFit(fit.value[part], fit.cost[part], fit.status[part], fit.evaluations[part], fit.slope[part])
        for part in parts
    ]
