"""Calibrations and baselines for a chunk of markets, as the arrays that the store keeps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.response.catalogue import CURVES
from pipeline.config.catalogue import own_curves
from pipeline.config.parameters import INITIAL, JUMP_PRICE, variant_parameters
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.fitting.calibrate import FitRecord, calibrate_market
from pipeline.fitting.uncertainty.assess import Uncertainty
from pipeline.fitting.uncertainty.weak_directions import N_DIRECTIONS
from pipeline.fitting.warm_start import WarmStarts
from pipeline.panel.market import MarketArrays, iterate_markets
from pipeline.panel.simulated import true_model
from pipeline.seeds import fit_seed
from pipeline.store.format.layout import (
    SIDES,
    STATISTIC_NAMES,
    VARIABLE,
    ModelLayout,
    ParameterLabel,
    pack_statistics,
)
from pipeline.store.population import Populations
from pipeline.validation.forecasters import baseline_forecaster, measure, model_forecaster
from pipeline.validation.metrics import METRICS, pool
from pipeline.validation.windows import FUTURES, Window, n_steps, windows_of

Arrays = dict[str, NDArray[Any]]


def describe_model(variant: Variant, study: Study, firms: NDArray[Any]) -> ModelLayout:
    """Name all parameters that a model may have in any market, with their units.

    Parameters
    ----------
    variant : Variant
    study : Study
        Own curves, and whether initial shares are estimated.
    firms : (N,) array
        All firms of the panel.
    """
    labels = [str(firm) for firm in firms.tolist()]
    names = list(variant_parameters(variant, study.curves, labels))
    if study.fit.initial == "estimated":
        names += [f"{INITIAL}.{firm}" for firm in labels]
    formulas = {
        effort: study.curves[curve].formula if curve in study.curves else CURVES[curve].formula
        for effort, curve in variant.response.curves.items()
    }
    return ModelLayout(
        variant.name,
        tuple(ParameterLabel(name, _unit(name)) for name in names),
        {
            "form": variant.form,
            "response": variant.response.name,
            "link": variant.response.link,
            "curves": dict(variant.response.curves),
            "formulas": formulas,
            "order": list(variant.response.order),
            "carry_over": dict(variant.carry_over),
            "firm_effects": variant.firm_effects,
            "numeraire": variant.numeraire,
            "lag": dict(variant.response.lag),
            "own": list(variant.response.own),
            "cross": list(variant.response.cross),
            "pooled_from": variant.pooled_from,
            "is_truth": study.simulate is not None and variant.name == true_model(study),
        },
    )


def _unit(name: str) -> str:
    # The units of coefficients follow from those of their effort; only M is in currency.
    return "currency" if name == JUMP_PRICE else "1"


def count_columns(variant: Variant, study: Study, n_firms: int) -> int:
    """Count the free parameters of a model in a market of ``n_firms`` firms."""
    names = set(variant_parameters(variant, study.curves, None))
    fixed = {name for name in names if name in study.fit.fixed or name in study.fit.expr}
    fixed |= set() if variant.form == "scaled" else {"returns_to_scale"}
    fixed |= {JUMP_PRICE} if variant.numeraire is None else {variant.numeraire}
    constants = {"none": 0, "constant": 0, "free": n_firms, "zero-sum": n_firms - 1}[variant.firm_effects]
    initial = n_firms - 1 if study.fit.initial == "estimated" else 0
    own, cross = len(variant.response.own), len(variant.response.cross)
    return len(names - fixed) + constants + initial + n_firms * (own + (n_firms - 1) * cross)


def calibrate_chunk(
    panel: xr.Dataset,
    variant: Variant,
    study: Study,
    populations: Populations | None = None,
    warm: WarmStarts | None = None,
) -> Arrays:
    """Calibrate one model on some markets, over all windows.

    Parameters
    ----------
    panel : Dataset
        The markets, loaded.
    variant : Variant
    study : Study
    populations : mapping, optional
        Priors of a pooled model, by window and parameter.
    warm : WarmStarts, optional
        Earlier estimates to start from.

    Returns
    -------
    dict of str to array
        What `pipeline.store.write.write_chunk` wants for the model.
    """
    curves = own_curves(study.curves)
    efforts = tuple(str(name) for name in panel["effort"].values)
    layout = describe_model(variant, study, panel["firm"].values)
    columns = {label.name: position for position, label in enumerate(layout.parameters)}
    windows = windows_of(study.validation)
    arrays = _empty(panel, windows, len(columns), study)
    for position, market in enumerate(iterate_markets(panel)):
        seed = fit_seed(study.seed, variant.name, market.market)
        for place, window in enumerate(windows):
            count = window.n_training(market.times.size)
            known = {} if warm is None else warm.estimates((position, place), tuple(columns))
            record = calibrate_market(
                variant,
                market,
                efforts,
                warm.fewer(study.fit) if warm is not None and known else study.fit,
                seed,
                curves=curves,
                n_train=count,
                uncertainty=study.uncertainty,
                population=None if populations is None else populations[window.name],
                warm=known,
            )
            _store(arrays, (position, place), record, columns, panel, market)
            ahead = window.n_ahead(market.times.size)
            if ahead and record.model is not None:
                forecaster = model_forecaster(
                    record.model, record.theta, study.fit.initial, study.validation.state
                )
                _store_errors(arrays, (position, place), measure(forecaster, market, count, ahead))
    return arrays


def assess_baseline(panel: xr.Dataset, baseline: str, study: Study) -> Arrays:
    """Measure one baseline on some markets.

    Returns
    -------
    dict of str to array
        ``error`` of shape (market, window, future, metric) and ``step_error`` of shape (market, window,
        future, step, metric).
    """
    windows = windows_of(study.validation)
    empty = _empty(panel, windows, 0, study)
    arrays = {name: array for name, array in empty.items() if VARIABLE[name].group == "validation"}
    forecaster = baseline_forecaster(baseline)
    for position, market in enumerate(iterate_markets(panel)):
        for place, window in enumerate(windows):
            ahead = window.n_ahead(market.times.size)
            if ahead:
                count = window.n_training(market.times.size)
                _store_errors(arrays, (position, place), measure(forecaster, market, count, ahead))
    return arrays


def _empty(panel: xr.Dataset, windows: tuple[Window, ...], n_parameters: int, study: Study) -> Arrays:
    sizes = {
        "market": panel.sizes["market"],
        "window": len(windows),
        "param": n_parameters,
        "param_": n_parameters,
        "stat": len(STATISTIC_NAMES),
        "start": study.fit.starts,
        "replicate": study.uncertainty.bootstrap,
        "interval_method": len(study.uncertainty.methods),
        "level": len(study.uncertainty.levels),
        "side": len(SIDES),
        "direction": N_DIRECTIONS,
        "firm": panel.sizes["firm"],
        "time": panel.sizes["time"],
        "metric": len(METRICS) if len(windows) > 1 else 0,
        "future": len(FUTURES),
        "step": n_steps(windows, panel.sizes["time"]),
    }
    arrays = {}
    for name, variable in VARIABLE.items():
        if any(sizes.get(dim, 1) == 0 and dim not in ("param", "param_") for dim in variable.dims):
            continue
        shape = [sizes[dim] for dim in variable.dims if dim != "model"]
        arrays[name] = np.full(shape, variable.fill, dtype=variable.dtype)
    return arrays


def _store(
    arrays: Arrays,
    place: tuple[int, int],
    record: FitRecord,
    columns: Mapping[str, int],
    panel: xr.Dataset,
    market: MarketArrays,
) -> None:
    """Put a record in its place along the axes of the sweep."""
    arrays["status"][place] = record.status
    arrays["start_cost"][place][: record.start_cost.size] = record.start_cost
    if not record.status.usable:
        return
    at = np.array([columns[name] for name in record.names])
    arrays["value"][place][at] = record.value
    arrays["stderr"][place][at] = record.stderr
    arrays["at_bound"][place][at] = record.at_bound
    arrays["correlation"][place][np.ix_(at, at)] = record.correlation
    arrays["statistic"][place] = pack_statistics(record.statistic)
    if record.uncertainty is not None:
        _store_uncertainty(arrays, place, record.uncertainty, at)
    firms = np.searchsorted(panel["firm"].values, market.firms)
    times = np.searchsorted(panel["time"].values, market.times)
    arrays["share"][place][np.ix_(firms, times)] = record.share.T


def _store_errors(arrays: Arrays, place: tuple[int, int], errors: NDArray[np.float64]) -> None:
    """Put the errors (future, period ahead, metric) of one window in their place, and what they come to."""
    arrays["step_error"][place][:, : errors.shape[1]] = errors
    arrays["error"][place] = pool(errors, tuple(METRICS))


def _store_uncertainty(
    arrays: Arrays, place: tuple[int, int], found: Uncertainty, at: NDArray[np.int64]
) -> None:
    """Put intervals, replicates and weak directions in their place, parameters in the columns ``at``."""
    arrays["sensitivity"][place][at] = found.sensitivity
    count = found.strength.size
    arrays["direction_strength"][place][:count] = found.strength
    arrays["direction"][place][:count] = 0.0
    arrays["direction"][place][:count, at] = found.direction
    if "interval" in arrays:
        arrays["interval"][place][:, at] = found.interval
    if "replicate_value" in arrays:
        arrays["replicate_value"][place][:, at] = found.replicate
