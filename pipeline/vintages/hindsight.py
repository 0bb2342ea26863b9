"""How the forecasts of an earlier vintage compare with the periods that have come since."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from kernels.numeric.arrays import Floats
from kernels.response.response import ResponseError
from pipeline.models.one_step import forecast_shares
from pipeline.names import Label
from pipeline.panel.market import MarketArrays, first_periods, iterate_markets
from pipeline.results.stored_fit import rebuild_model
from pipeline.validation.baselines import predict_shares
from pipeline.validation.scores import fit_rmse

if TYPE_CHECKING:
    from pipeline.results.estimates import Estimates
    from pipeline.results.results import Results


# Markets read at once.
_BLOCK = 64


def forecast_errors_since(
    old: "Results", new: "Results", estimates: "Estimates", models: list[str]
) -> dict[str, Floats]:
    """Compare the shares of the new periods with those forecast by the old vintage, given the efforts.

    Parameters
    ----------
    old, new
        The same store, opened for the sweeps of the vintages.
    estimates
        Of the old vintage.
    models
        Names of the models that forecast.

    Returns
    -------
    dict
        By model, (L, 4) along the markets of the new vintage: root mean squared error of the forecast, that
        of the last shares known then, number of new periods, and by how much errors of forecasts over these
        grow at most. nan where there is nothing to compare.
    """
    markets = new.tables.labels("market").tolist()
    errors = {model: np.full((len(markets), 4), np.nan) for model in models}
    study = old.study
    efforts = tuple(study.efforts)
    new_rows = {label: row for row, label in enumerate(markets)}
    old_rows = {label: row for row, label in enumerate(estimates.markets.tolist())}
    for market, n_old in _continued(old, new, [label for label in markets if label in old_rows], efforts):
        observed, active = market.share[n_old:], market.active[n_old:]
        baseline = fit_rmse(predict_shares("last", market, n_old)[n_old:], observed, active)
        for model in models:
            values = estimates.read(model)["value"][old_rows[market.market]].tolist()
            known = dict(zip(estimates.params(model), values, strict=True))
            if not any(np.isfinite(value) for value in known.values()):
                continue
            try:
                problem = rebuild_model(old, model, first_periods(market, n_old), efforts)
            except (ResponseError, ValueError):
                continue
            # A firm that has come since had no constant then.
            theta = problem.start.copy()
            for number, name in enumerate(problem.names):
                theta[number] = known[name] if np.isfinite(known.get(name, np.nan)) else theta[number]
            share = forecast_shares(problem, theta, market, n_old, study.fit.initial, study.validation.state)
            if share is not None:
                rmse = fit_rmse(share, observed, active)
                lasting = 1.0 if study.validation.state == "observed" else problem.gain(theta)
                found = rmse, baseline, len(observed), _growth(lasting, len(observed))
                errors[model][new_rows[market.market]] = found
    return errors


def _growth(lasting: float, periods: int) -> float:
    """Root mean square of forecast errors over so many periods, over that one period ahead, at the most.

    The lasting part of the errors of the periods between adds up; where shares adjust it is forgotten again.
    """
    return float(np.sqrt(np.mean(1.0 + lasting**2 * np.arange(periods))))


def _continued(
    old: "Results", new: "Results", markets: list[Label], efforts: tuple[str, ...]
) -> Iterator[tuple[MarketArrays, int]]:
    """Give markets as they were known then, followed by the periods since, and the number of old periods."""
    before, after = old.panel(), new.panel()
    last = before["time"].values[-1]
    is_new = after["time"].values > last
    if not is_new.any() or not set(efforts) <= set(map(str, after["effort"].values)):
        return
    shift = _period_shift(before, after, last)
    firms = np.union1d(before["firm"].values, after["firm"].values)
    for start in range(0, len(markets), _BLOCK):
        chosen = {"market": markets[start : start + _BLOCK]}
        parts = []
        for panel, periods, offset in ((before, slice(None), 0), (after, is_new, shift)):
            part = panel[["sales", "efforts"]].isel(time=periods).sel(chosen).sel(effort=list(efforts)).load()
            period = ("time", part["period"].values + offset)
            part = part.reset_coords(drop=True).assign_coords(period=period)
            parts.append(part.reindex(firm=firms))
        for market in iterate_markets(xr.concat(parts, "time")):
            n_old = int(np.sum(market.times <= last))
            if 2 <= n_old < len(market.times):
                yield market, n_old


def _period_shift(before: xr.Dataset, after: xr.Dataset, last: np.generic) -> int:
    """Give what to add to the numbers of later periods, which are counted from another first one."""
    times, period = after["time"].values, after["period"].values
    end = int(before["period"].values[-1])
    if last in times:
        return end - int(period[times == last][0])
    return end + 1 - int(period[times > last][0])
