"""Forecasts as arrays over the axes of their sweep, written beside its fits."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.results.opened import require_opened
from pipeline.store.format.catalogue import Variable
from pipeline.store.format.forecast import FORECAST_VARIABLES, forecast_name

if TYPE_CHECKING:
    from pipeline.forecasting.scenario import Forecast, MarketForecast
    from pipeline.results.results import Results

Arrays = dict[str, NDArray[np.float64]]


def store_forecast(results: "Results", forecast: "Forecast") -> str:
    """Write a forecast into the store that it was made from.

    The same forecast is stored once: doing it again changes nothing.

    Parameters
    ----------
    results : Results
        The store, opened for the sweep.
    forecast : Forecast
        What `pipeline.forecasting.scenario.forecast` gave.

    Returns
    -------
    str
        Its name in the store.

    Raises
    ------
    StoreError
        The store cannot be written.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> made = beed.forecast(store, {"scenario": "as_now", "horizon": 2})
    >>> beed.store_forecast(store, made)
    'as_now-...'
    """
    require_opened(results)
    coordinates, arrays = forecast_arrays(results, forecast)
    text = forecast.scenario.model_dump_json()
    content = text.encode() + b"".join(arrays[name].tobytes() for name in sorted(arrays))
    name = forecast_name(forecast.scenario.scenario, content)
    attributes: Mapping[str, object] = {
        "scenario": json.loads(text),
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "snapshot": results.snapshot,
        "model_choice": list(forecast.choices),
        "total_sales": {
            str(one.market): {"model": one.total_use.model, "error": _known(one.total_use.error)}
            for one in forecast.markets
        },
        "sales_units": str(results.panel()["sales"].attrs.get("units", "")),
    }
    results.store.write_forecast(results.sweep.name, name, coordinates, arrays, attributes)
    return name


def forecast_arrays(results: "Results", forecast: "Forecast") -> tuple[dict[str, np.ndarray], Arrays]:
    """Arrange a forecast over all markets and firms of its sweep.

    Returns
    -------
    coordinates : dict
        Labels of the axes that only forecasts have.
    arrays : dict
        By the names in `pipeline.store.format.forecast.FORECAST_VARIABLES`; nan where nothing was forecast.
    """
    markets = [str(label) for label in results.tables.labels("market").tolist()]
    firms = [str(label) for label in results.tables.labels("firm").tolist()]
    entrants = list(forecast.scenario.entrants)
    members = list(dict.fromkeys(m.model for one in forecast.markets for m in one.members))
    quantiles = forecast.scenario.quantiles if forecast.scenario.uncertainty.draws else ()
    size = {
        "market": len(markets),
        "firm": len(firms),
        "future": forecast.times.size,
        "effort": len(forecast.efforts),
        "quantile": len(quantiles),
        "member": len(members),
    }
    size |= {"entrant": len(entrants)} if entrants else {}
    arrays = _empty(size, bands=bool(quantiles))
    for one in forecast.markets:
        row = markets.index(str(one.market))
        known = one.firms.tolist()[: one.firms.size - len(entrants)]
        columns, old = np.array([firms.index(str(firm)) for firm in known]), slice(len(known))
        for name in ("share", "sales", "expense"):
            arrays[name][row, columns] = getattr(one, name)[:, old].T
        arrays["efforts"][row, columns] = one.efforts[..., old].transpose(2, 0, 1)
        arrays["total_sales"][row] = one.total_sales
        arrays["weight"][row] = 0.0
        for member in one.members:
            arrays["weight"][row, members.index(member.model)] = member.weight
        if quantiles:
            for name in ("share_quantile", "sales_quantile"):
                arrays[name][row][:, columns] = getattr(one, name)[..., old].transpose(0, 2, 1)
            arrays["rejected"][row] = one.rejected
        if one.share_without is not None:
            _put_entrants(arrays, row, columns, one)
    coordinates: dict[str, np.ndarray] = {
        "future": forecast.times,
        "effort": np.array(forecast.efforts),
        "member": np.array(members),
    }
    if entrants:
        coordinates["entrant"] = np.array(entrants)
    if quantiles:
        coordinates["quantile"] = np.array(quantiles)
    return coordinates, arrays


def _put_entrants(arrays: Arrays, row: int, columns: np.ndarray, one: "MarketForecast") -> None:
    """Put those who enter a market into its row, and what the others would have without them."""
    assert one.share_without is not None
    new = slice(columns.size, None)
    arrays["share_without"][row, columns] = one.share_without.T
    if "taken_quantile" in arrays:
        arrays["taken_quantile"][row][:, columns] = one.taken_quantile.transpose(0, 2, 1)
    for name in ("share", "sales", "expense"):
        arrays[f"entrant_{name}"][row] = getattr(one, name)[:, new].T
        if f"{name}_quantile" in arrays:
            quantile = getattr(one, f"{name}_quantile")[..., new]
            arrays[f"entrant_{name}_quantile"][row] = quantile.transpose(0, 2, 1)


def _known(error: Mapping[str, float]) -> dict[str, float | None]:
    """Errors as JSON has them: nothing in place of nan."""
    return {model: float(value) if np.isfinite(value) else None for model, value in error.items()}


def _empty(size: Mapping[str, int], *, bands: bool) -> Arrays:
    return {
        variable.name: np.full([size[dim] for dim in variable.dims], np.nan)
        for variable in FORECAST_VARIABLES
        if _needed(variable, size, bands=bands)
    }


def _needed(variable: Variable, size: Mapping[str, int], *, bands: bool) -> bool:
    """Tell whether a forecast has an array: of bands, of who enters."""
    of_entry = "entrant" in variable.dims or variable.name in ("share_without", "taken_quantile")
    if of_entry and "entrant" not in size:
        return False
    return bands or not variable.optional or (of_entry and "quantile" not in variable.dims)
