"""Before the fits of models with pooled first stages: slopes of every window, from all markets."""

from collections.abc import Iterable, Mapping, Sequence

import xarray as xr

from pipeline.config.sections.fit import FitSection
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.models.instruments.controls import stage_data
from pipeline.models.instruments.first_stage import FirstStageError
from pipeline.models.instruments.pooled import StagePool
from pipeline.models.terms import with_terms
from pipeline.panel.market import MarketArrays, first_periods, iterate_markets
from pipeline.store.format.first_stage import PooledSlopes, PooledStages
from pipeline.validation.windows import windows_of


def pool_first_stages(
    study: Study, variants: Iterable[Variant], blocks: Iterable[xr.Dataset]
) -> dict[str, PooledStages]:
    """Estimate the pooled first stages of models, going over the markets once.

    Parameters
    ----------
    study : Study
    variants : iterable of Variant
        Those that have any.
    blocks : iterable of Dataset
        The panel, loaded some markets at a time; nothing of a block is kept but its sums.

    Returns
    -------
    dict
        By model, window and endogenous effort; None where the first stage of an effort is that of each
        market, or cannot be made of the periods of the window.
    """
    variants = tuple(variants)
    # Models that differ in other things have the same regressors.
    alike: dict[tuple[object, ...], list[Variant]] = {}
    for variant in variants:
        alike.setdefault(_regressors(variant), []).append(variant)
    sums: dict[tuple[object, ...], dict[str, dict[str, StagePool]]] = {
        key: {window.name: {} for window in windows_of(study.validation)} for key in alike
    }
    for block in blocks:
        efforts = tuple(str(name) for name in block["effort"].values)
        for market in iterate_markets(block):
            for key, models in alike.items():
                for window in windows_of(study.validation):
                    count = window.n_training(market.times.size)
                    add_market(
                        sums[key][window.name], models[0], first_periods(market, count), efforts, study.fit
                    )
    found = {
        key: {window: _estimates(pools, alike[key][0]) for window, pools in of_windows.items()}
        for key, of_windows in sums.items()
    }
    return {variant.name: found[_regressors(variant)] for variant in variants}


def add_market(
    pools: dict[str, StagePool],
    variant: Variant,
    market: MarketArrays,
    efforts: Sequence[str],
    fit: FitSection,
) -> None:
    """Add one market to the sums by effort of a model, made when they are first needed."""
    if len(market.times) < 2:
        return
    for data in stage_data(variant, *with_terms(variant, market, tuple(efforts)), fit):
        if data.effort in fit.pooled_stages:
            pool = pools.get(data.effort)
            if pool is None:
                pool = pools[data.effort] = StagePool(data.effort, data.labels, data.n_instruments)
            pool.add(data.explained, data.regressors, market.active)


def _regressors(variant: Variant) -> tuple[object, ...]:
    response = variant.response
    return variant.endogenous, tuple(response.curves), tuple(sorted(response.lag.items()))


def _estimates(pools: Mapping[str, StagePool], variant: Variant) -> dict[str, PooledSlopes | None]:
    """Estimate the slopes of all endogenous efforts; None where there are none."""
    found: dict[str, PooledSlopes | None] = dict.fromkeys(variant.endogenous)
    for effort, pool in pools.items():
        try:
            found[effort] = pool.estimate()
        except FirstStageError:
            continue
    return found
