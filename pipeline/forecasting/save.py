"""Forecasts as arrays over the axes of their sweep, written beside its fits."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.store.format.forecast import FORECAST_VARIABLES, forecast_name

if TYPE_CHECKING:
    from pipeline.forecasting.scenario import Forecast
    from pipeline.results.results import Results

Arrays = dict[str, NDArray[np.float64]]


def store_forecast(results: "Results", forecast: "Forecast") -> str:
    """Write a forecast into the store that it was made from; returns its name there.

    The same forecast is stored once: doing it again changes nothing.

    Raises
    ------
    StoreError
        The store cannot be written.
    """
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
    arrays = _empty(size, bands=bool(quantiles))
    for one in forecast.markets:
        row = markets.index(str(one.market))
        columns = np.array([firms.index(str(firm)) for firm in one.firms.tolist()])
        for name in ("share", "sales", "expense"):
            arrays[name][row, columns] = getattr(one, name).T
        arrays["efforts"][row, columns] = one.efforts.transpose(2, 0, 1)
        arrays["total_sales"][row] = one.total_sales
        arrays["weight"][row] = 0.0
        for member in one.members:
            arrays["weight"][row, members.index(member.model)] = member.weight
        if quantiles:
            arrays["share_quantile"][row][:, columns] = one.share_quantile.transpose(0, 2, 1)
            arrays["sales_quantile"][row][:, columns] = one.sales_quantile.transpose(0, 2, 1)
            arrays["rejected"][row] = one.rejected
    coordinates: dict[str, np.ndarray] = {
        "future": forecast.times,
        "effort": np.array(forecast.efforts),
        "member": np.array(members),
    }
    if quantiles:
        coordinates["quantile"] = np.array(quantiles)
    return coordinates, arrays


def _known(error: Mapping[str, float]) -> dict[str, float | None]:
    """Errors as JSON has them: nothing in place of nan."""
    return {model: float(value) if np.isfinite(value) else None for model, value in error.items()}


def _empty(size: Mapping[str, int], *, bands: bool) -> Arrays:
    return {
        variable.name: np.full([size[dim] for dim in variable.dims], np.nan)
        for variable in FORECAST_VARIABLES
        if bands or not variable.optional
    }
