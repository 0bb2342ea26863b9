"""Searches for many models of one shape in one batch: as many markets, as many starts each."""

import pickle
from collections.abc import Sequence

import numpy as np

from kernels.least_squares.batch import BatchFit, fit_batch
from kernels.least_squares.residual import MarketData
from kernels.numeric.arrays import Matrix
from pipeline.models.market_model import SCREENED, MarketModel

_BY_MARKET = ("efforts", "active", "share", "total_sales", "duration", "reference_sales")


def shape_of(model: MarketModel) -> bytes:
    """Tell models apart that cannot be in one batch: another response, size, or kind of problem.

    What is one for all markets of a batch (whitening, controls) is part of the shape.
    """
    shared = {name: value for name, value in model.data._asdict().items() if name not in _BY_MARKET}
    return pickle.dumps(
        (model.response.spec, model.gamma_form, model.vary, model.data.efforts.shape, shared), protocol=5
    )


def fit_models(
    models: Sequence[MarketModel], starts: Sequence[Matrix], max_evaluations: int
) -> list[BatchFit]:
    """Fit models of one shape, each from its own starts.

    Parameters
    ----------
    models : sequence of MarketModel
        Of the same `shape_of`, without rows of experiments.
    starts : sequence of (S, P) array
        Of each; see `MarketModel.screen`.
    max_evaluations : int
        For each start.

    Returns
    -------
    list of BatchFit
        What `MarketModel.screen` gives for each, but for rounding.
    """
    first, counts = models[0], [len(rows) for rows in starts]
    market = np.repeat(np.arange(len(models)), counts)
    arrays = {name: np.stack([getattr(model.data, name) for model in models]) for name in _BY_MARKET}
    longest = max(model.target.size for model in models)
    targets = np.stack([np.pad(model.target, (0, longest - model.target.size)) for model in models])

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
        promise_tolerance=SCREENED,
    )
    ends = np.cumsum(counts)
    parts = [slice(end - count, end) for end, count in zip(ends.tolist(), counts, strict=True)]
    return [
        BatchFit(fit.value[part], fit.cost[part], fit.status[part], fit.evaluations[part], fit.slope[part])
        for part in parts
    ]
