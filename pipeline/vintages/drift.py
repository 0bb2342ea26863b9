"""How far the calibration of each market has moved since the vintage before, and whether that is too far."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.response.response import ResponseError
from pipeline.config.parameters import INITIAL
from pipeline.config.sections.recalibration import ThresholdsSection
from pipeline.models.market_model import first_periods
from pipeline.models.one_step import forecast_shares
from pipeline.panel.market import MarketArrays, iterate_markets
from pipeline.results.estimates import Estimates, aligned
from pipeline.results.stored_fit import rebuild_model
from pipeline.validation.baselines import predict_shares
from pipeline.validation.scores import fit_rmse

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

_MARKETS = 64


@dataclass(frozen=True, eq=False)
class ModelDrift:
    """One model in L markets with P parameters; nan where there is nothing to compare.

    Attributes
    ----------
    old, old_stderr : (L, P) arrays
        Estimates of the vintage before, and their standard errors.
    change : (L, P) array
        New less old, in standard errors of then; nan where the data did or do not determine it.
    exceeded : (L, P) array of bool
        Where that is beyond the threshold, in the markets whose best model this was.
    forecast_rmse, baseline_rmse, fit_rmse : (L,) arrays
        Of the shares of the new periods as forecast then, given the efforts; as the last ones then; and of
        the fit then.
    periods : (L,) array of int
        New periods.
    """

    old: Floats
    old_stderr: Floats
    change: Floats
    exceeded: NDArray[np.bool_]
    forecast_rmse: Floats
    baseline_rmse: Floats
    fit_rmse: Floats
    periods: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drift:
    """A vintage against the one before.

    Attributes
    ----------
    since
        Date of the vintage before.
    models
        By name; those that both have.
    best_before, best_now : (L,) arrays of str
        Models with the smallest AICc; empty where there is none.
    drifted : (L,) array of bool
        Whether a threshold is exceeded.
    alarm
        Whether more markets have drifted than the thresholds allow.
    thresholds
        What was asked.
    """

    since: str
    models: Mapping[str, ModelDrift]
    best_before: NDArray[np.str_]
    best_now: NDArray[np.str_]
    drifted: NDArray[np.bool_]
    alarm: bool
    thresholds: ThresholdsSection

    def market_arrays(self) -> dict[str, np.ndarray]:
        """Arrays over the markets alone, by the names that the store knows."""
        return {"best_before": self.best_before, "best_now": self.best_now, "drifted": self.drifted}

    def model_arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """Arrays of each model, by the names that the store knows."""
        return {model: vars(found) for model, found in self.models.items()}

    def attributes(self) -> dict[str, Any]:
        """Plain facts to store beside the arrays."""
        thresholds = self.thresholds.model_dump(mode="json")
        return {"since": self.since, "alarm": self.alarm, "thresholds": thresholds}


def compute_drift(since: str, old: "Results", new: "Results", thresholds: ThresholdsSection) -> Drift:
    """Compare two vintages, the fits to all periods.

    Parameters
    ----------
    since
        Date of the earlier one.
    old, new
        The same store, opened for the sweeps of the vintages.
    thresholds
        What is too far.

    Returns
    -------
    Drift
        By the markets and parameters of the later one.
    """
    before, now = Estimates(old.tables), Estimates(new.tables)
    markets = now.markets
    shared = [model for model in new.models if model in old.models]
    best_before, best_now = before.best(markets), now.best(markets)
    ahead = _forecasts(old, new, before, shared)
    moved = old.panel()["time"].values[0] != new.panel()["time"].values[0]
    models, drifted = {}, np.zeros(len(markets), dtype=np.bool_)
    for model in shared:
        value, stderr = (
            before.along(model, name, markets, now.params(model)) for name in ("value", "stderr")
        )
        fresh, error = now.read(model)["value"], now.read(model)["stderr"]
        with np.errstate(invalid="ignore", divide="ignore"):
            # What the data do not determine, then or now, may be anywhere: that is no drift.
            change = np.where((stderr > 0.0) & (error > 0.0), (fresh - value) / stderr, np.nan)
        if moved:
            # A rolling window begins elsewhere: shares at its beginning are another quantity.
            change[:, [name.startswith(f"{INITIAL}.") for name in now.params(model)]] = np.nan
        watched = best_before == model
        exceeded = np.zeros(change.shape, dtype=np.bool_)
        if thresholds.change is not None:
            exceeded = watched[:, None] & (np.abs(np.nan_to_num(change)) > thresholds.change)
        fit = aligned(before.markets, markets, before.read(model)["rmse"])
        forecast, baseline, periods = ahead[model].T
        drifted |= exceeded.any(axis=1)
        if thresholds.forecast is not None:
            limit = thresholds.forecast * np.nan_to_num(fit, nan=np.inf)
            drifted |= watched & (np.nan_to_num(forecast) > limit)
        count = np.nan_to_num(periods).astype(np.int64)
        models[model] = ModelDrift(value, stderr, change, exceeded, forecast, baseline, fit, count)
    if thresholds.best_model:
        drifted |= (best_before != best_now) & (best_before != "") & (best_now != "")
    known = best_before != ""
    alarm = bool(known.any()) and float(drifted[known].mean()) > thresholds.markets
    return Drift(since, models, best_before, best_now, drifted, alarm, thresholds)


def _forecasts(old: "Results", new: "Results", estimates: Estimates, models: list[str]) -> dict[str, Floats]:
    """Errors of the forecasts made then: rmse, that of the last shares, new periods; (L, 3) by model."""
    markets = new.tables.labels("market").tolist()
    found = {model: np.full((len(markets), 3), np.nan) for model in models}
    study = old.study
    efforts = tuple(study.efforts)
    rows = {label: row for row, label in enumerate(markets)}
    places = {label: place for place, label in enumerate(estimates.markets.tolist())}
    for market, n_old in _continued(old, new, [label for label in markets if label in places], efforts):
        observed, active = market.share[n_old:], market.active[n_old:]
        baseline = fit_rmse(predict_shares("last", market, n_old)[n_old:], observed, active)
        for model in models:
            values = estimates.read(model)["value"][places[market.market]].tolist()
            known = dict(zip(estimates.params(model), values, strict=True))
            if not any(np.isfinite(value) for value in known.values()):
                continue
            try:
                problem = rebuild_model(old, model, first_periods(market, n_old), efforts)
            except (ResponseError, ValueError):
                continue
            theta = problem.start.copy()
            for place, name in enumerate(problem.names):
                # A firm that has come since had no constant then.
                theta[place] = known[name] if np.isfinite(known.get(name, np.nan)) else theta[place]
            share = forecast_shares(problem, theta, market, n_old, study.fit.initial, study.validation.state)
            if share is not None:
                error = fit_rmse(share, observed, active)
                found[model][rows[market.market]] = error, baseline, len(observed)
    return found


def _continued(
    old: "Results", new: "Results", markets: list[Any], efforts: tuple[str, ...]
) -> Iterator[tuple[MarketArrays, int]]:
    """Give markets as they were known then, followed by the periods since, and the number of old periods."""
    before, after = old.panel(), new.panel()
    last = before["time"].values[-1]
    later = after["time"].values > last
    if not later.any() or not set(efforts) <= set(map(str, after["effort"].values)):
        return
    shift = _shift(before, after, last)
    firms = np.union1d(before["firm"].values, after["firm"].values)
    for start in range(0, len(markets), _MARKETS):
        chosen = {"market": markets[start : start + _MARKETS]}
        parts = []
        for panel, places, offset in ((before, slice(None), 0), (after, later, shift)):
            part = panel[["sales", "efforts"]].isel(time=places).sel(chosen).sel(effort=list(efforts)).load()
            period = ("time", part["period"].values + offset)
            part = part.reset_coords(drop=True).assign_coords(period=period)
            parts.append(part.reindex(firm=firms))
        for market in iterate_markets(xr.concat(parts, "time")):
            n_old = int(np.sum(market.times <= last))
            if 2 <= n_old < len(market.times):
                yield market, n_old


def _shift(before: xr.Dataset, after: xr.Dataset, last: np.generic) -> int:
    """Give what to add to the numbers of later periods, which are counted from another first one."""
    times, period = after["time"].values, after["period"].values
    end = int(before["period"].values[-1])
    if last in times:
        return end - int(period[times == last][0])
    return end + 1 - int(period[times > last][0])
