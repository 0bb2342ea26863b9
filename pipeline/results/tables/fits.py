"""The result arrays of a sweep as flat tables: one row a fit, a parameter, a start, a share, an error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import icechunk
import numpy as np
import zarr

from pipeline.results.tables.frame import Table
from pipeline.status import Status
from pipeline.store.format.layout import STATISTIC_NAMES, group_path, panel_path, sweep_path
from pipeline.store.read import SweepInfo, open_arrays, open_attributes, read_labels

Selection = np.ndarray | slice
ALL_MARKETS = slice(None)
_STATUS_NAMES = {int(status): status.name.lower() for status in Status}


class SweepTables:
    """Tables of one sweep in one snapshot, built when they are asked for.

    Parameters
    ----------
    session
        A read-only session.
    info
        The sweep.

    Attributes
    ----------
    session, info
        As given.
    """

    def __init__(self, session: icechunk.Session, info: SweepInfo) -> None:
        self.session = session
        self.info = info
        self._labels: dict[str, np.ndarray] = {}

    @property
    def builders(self) -> dict[str, Callable[..., Table]]:
        """All tables of what is stored, by name."""
        return {
            "fits": self.fits,
            "params": self.params,
            "starts": self.starts,
            "trajectories": self.trajectories,
            "validation": self.validation,
            "horizons": self.horizons,
            "replicates": self.replicates,
            "intervals": self.intervals,
            "directions": self.directions,
        }

    @property
    def derived(self) -> dict[str, Callable[..., Table]]:
        """All tables of what follows from what is stored, by name."""
        from pipeline.results.tables.choice import akaike, regimes, stacking
        from pipeline.results.tables.drift import drift_table
        from pipeline.results.tables.forecasts import forecast_bands, forecasts
        from pipeline.results.tables.validation import comparisons

        return {
            "drift": lambda: drift_table(self),
            "comparison": lambda: comparisons(self),
            "akaike": lambda: akaike(self),
            "stacking": lambda: stacking(self),
            "regimes": lambda: regimes(self),
            "forecasts": lambda: forecasts(self),
            "forecast_bands": lambda: forecast_bands(self),
        }

    def labels(self, axis: str) -> np.ndarray:
        """Labels of an axis of the sweep, text as objects."""
        if axis not in self._labels:
            self._labels[axis] = _objects(read_labels(self.session, f"{sweep_path(self.info.name)}/{axis}"))
        return self._labels[axis]

    def arrays(self, model: str) -> dict[str, zarr.Array]:
        """Open the arrays of the fits of a model."""
        return open_arrays(self.session, group_path(self.info.name, "fits", model))

    def params_of(self, model: str) -> np.ndarray:
        """Names of the parameters of a model."""
        return self._params_of(model, "param")

    def form_of(self, model: str) -> str:
        """Form of a model: investment, scaled or proportional; empty when it is not known."""
        attributes = open_attributes(self.session, group_path(self.info.name, "fits", model))
        return _described(attributes)["form"]

    def is_truth(self, model: str) -> bool:
        """Whether simulated data were made by this very model, so that its estimates have a truth."""
        attributes = open_attributes(self.session, group_path(self.info.name, "fits", model))
        return bool(attributes.get("is_truth", False))

    def fits(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every finished fit: model, form, response, market, window, status, the statistics."""
        return _stack([self._fits(model, markets) for model in models or self.info.models])

    def params(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every parameter of every usable fit: value, stderr, at_bound, unit."""
        return _stack([self._params(model, markets) for model in models or self.info.models])

    def starts(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every start of every fit, with the cost it reached."""
        return _stack([self._starts(model, markets) for model in models or self.info.models])

    def replicates(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every parameter of every bootstrap replicate."""
        return _stack([self._replicates(model, markets) for model in models or self.info.models])

    def intervals(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every interval of every parameter: method, level, lower and upper end."""
        return _stack([self._intervals(model, markets) for model in models or self.info.models])

    def directions(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every direction that the data see badly: its strength, and what it means in words."""
        return _stack([self._directions(model, markets) for model in models or self.info.models])

    def trajectories(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every firm and period of every fit: share as calibrated, observed share and sales."""
        return _stack([self._trajectories(model, markets) for model in models or self.info.models])

    def validation(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every error of forecasts: model or baseline, market, window, future, metric."""
        return self._errors("error", ("model", "future", "metric"), models, markets)

    def horizons(self, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS) -> Table:
        """One row for every error of one period ahead: as `validation`, with the step."""
        return self._errors("step_error", ("model", "future", "step", "metric"), models, markets)

    def validation_arrays(self) -> dict[str, zarr.Array]:
        """Open the arrays of errors: ``error`` and ``step_error``; empty when the study asked for none."""
        return open_arrays(self.session, group_path(self.info.name, "validation", ""))

    def _errors(
        self, name: str, dims: tuple[str, ...], models: Sequence[str] | None, markets: Selection
    ) -> Table:
        arrays = self.validation_arrays()
        axes = self._cells(markets)
        if name not in arrays:
            axes |= {dim: np.arange(0) if dim == "step" else np.array([], object) for dim in dims}
            return _long(axes, {"error": np.empty([len(labels) for labels in axes.values()])})
        axes |= {dim: self.labels(dim) for dim in dims}
        table = _long(axes, {"error": _read(arrays[name], markets)}, keep="error")
        return table if models is None else table.take(np.isin(table["model"].astype(str), list(models)))

    def _cells(self, markets: Selection) -> dict[str, np.ndarray]:
        return {"market": self.labels("market")[markets], "window": self.labels("window")}

    def _params_of(self, model: str, name: str) -> np.ndarray:
        return _objects(read_labels(self.session, f"{group_path(self.info.name, 'fits', model)}/{name}"))

    def _fits(self, model: str, markets: Selection) -> Table:
        arrays = self.arrays(model)
        status = _read(arrays["status"], markets)
        statistic = _read(arrays["statistic"], markets)
        axes = self._cells(markets)
        table = _long(axes, {"code": status})
        done = table["code"] != Status.PENDING
        attributes = open_attributes(self.session, group_path(self.info.name, "fits", model))
        columns = _constants(len(table), model=model, **_described(attributes))
        columns |= {axis: table[axis] for axis in axes}
        columns["status"] = status_names(table["code"])
        names = [str(name) for name in self.labels("stat")]
        for name in [known for known in STATISTIC_NAMES if known in names] + [
            new for new in names if new not in STATISTIC_NAMES
        ]:
            columns[name] = statistic[..., names.index(name)].ravel()
        return Table(columns).take(done)

    def _params(self, model: str, markets: Selection) -> Table:
        arrays = self.arrays(model)
        params = self._params_of(model, "param")
        values = {name: _read(arrays[name], markets) for name in ("value", "stderr", "at_bound")}
        axes = {**self._cells(markets), "param": params}
        cells = len(axes["market"]) * len(axes["window"])
        long = _long(axes, values)
        columns = _constants(len(long), model=model) | {axis: long[axis] for axis in axes}
        columns["unit"] = np.tile(self._params_of(model, "unit"), cells)
        columns |= {name: long[name] for name in values}
        return Table(columns).take(~np.isnan(long["value"]))

    def _starts(self, model: str, markets: Selection) -> Table:
        axes = {**self._cells(markets), "start": self.labels("start")}
        cost = _read(self.arrays(model)["start_cost"], markets)
        return _with_model(model, _long(axes, {"cost": cost}, keep="cost"))

    def _replicates(self, model: str, markets: Selection) -> Table:
        arrays = self.arrays(model)
        cells, params = self._cells(markets), self._params_of(model, "param")
        if "replicate_value" in arrays:
            axes = {**cells, "replicate": self.labels("replicate"), "param": params}
            values = _read(arrays["replicate_value"], markets)
        else:
            axes = {**cells, "replicate": np.arange(0), "param": params}
            values = np.empty((len(cells["market"]), len(cells["window"]), 0, len(params)))
        return _with_model(model, _long(axes, {"value": values}, keep="value"))

    def _intervals(self, model: str, markets: Selection) -> Table:
        arrays = self.arrays(model)
        axes = self._cells(markets)
        if "interval" in arrays:
            axes |= {"method": self.labels("interval_method"), "param": self._params_of(model, "param")}
            axes["level"] = self.labels("level")
            ends = _read(arrays["interval"], markets)
        else:
            axes |= {name: np.array([], object) for name in ("method", "param")} | {"level": np.empty(0)}
            ends = np.empty((len(axes["market"]), len(axes["window"]), 0, 0, 0, 2))
        known = np.where(np.isnan(ends).all(axis=-1), np.nan, 1.0)
        values = {"lower": ends[..., 0], "upper": ends[..., 1], "known": known}
        found = dict(_with_model(model, _long(axes, values, keep="known")).columns)
        del found["known"]
        return Table(found)

    def _directions(self, model: str, markets: Selection) -> Table:
        from pipeline.fitting.uncertainty.weak_directions import describe_direction

        arrays, names = self.arrays(model), [str(name) for name in self._params_of(model, "param")]
        axes = self._cells(markets)
        if "direction" not in arrays:
            empty = np.empty((len(axes["market"]), len(axes["window"]), 0))
            axes |= {"direction": np.arange(0)}
            table = _long(axes, {"strength": empty})
            return _with_model(model, Table(dict(table.columns) | {"sentence": np.array([], object)}))
        strength = _read(arrays["direction_strength"], markets)
        loading, sensitivity, value = (
            _read(arrays[name], markets) for name in ("direction", "sensitivity", "value")
        )
        axes |= {"direction": np.arange(strength.shape[-1])}
        table = _long(axes, {"strength": strength}, keep="strength")
        sentences = [
            describe_direction(
                names, loading[place], sensitivity[place[:2]], value[place[:2]], strength[place]
            )
            for place in map(tuple, np.argwhere(~np.isnan(strength)))
        ]
        return _with_model(model, Table(dict(table.columns) | {"sentence": np.array(sentences, object)}))

    def _trajectories(self, model: str, markets: Selection) -> Table:
        arrays = open_arrays(self.session, group_path(self.info.name, "trajectories", model))
        share = _read(arrays["share"], markets)
        panel = open_arrays(self.session, panel_path(self.info.data_hash))
        sales = np.broadcast_to(_read(panel["sales"], markets)[:, None], share.shape)
        with np.errstate(invalid="ignore"):
            total = np.nansum(sales, axis=2, keepdims=True)
            values = {
                "share": share,
                "sales": share * total,
                "observed_share": sales / total,
                "observed_sales": sales,
            }
        axes = {**self._cells(markets), "firm": self.labels("firm"), "time": self.labels("time")}
        return _with_model(model, _long(axes, values, keep="share"))


def status_names(codes: np.ndarray) -> np.ndarray:
    """Turn status codes into names, as objects; codes of newer versions into ``status_<code>``."""
    unique, places = np.unique(codes, return_inverse=True)
    names = [_STATUS_NAMES.get(int(code), f"status_{code}") for code in unique]
    return np.array(names, dtype=object)[places] if names else np.array([], dtype=object)


def _read(array: zarr.Array, markets: Selection) -> np.ndarray:
    if isinstance(markets, slice):
        return np.asarray(array[markets])
    return np.asarray(array.oindex[markets])


def _long(axes: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], keep: str | None = None) -> Table:
    """Flatten cubes with the same axes; with ``keep``, only cells where that one is not nan."""
    shape = tuple(len(labels) for labels in axes.values())
    chosen = np.flatnonzero(~np.isnan(values[keep])) if keep else np.arange(int(np.prod(shape)))
    places = np.unravel_index(chosen, shape)
    columns = {name: labels[place] for (name, labels), place in zip(axes.items(), places, strict=True)}
    return Table(columns | {name: cube.ravel()[chosen] for name, cube in values.items()})


def _constants(rows: int, **values: str) -> dict[str, np.ndarray]:
    return {name: np.full(rows, value, dtype=object) for name, value in values.items()}


def _with_model(model: str, table: Table) -> Table:
    return Table(_constants(len(table), model=model) | dict(table.columns))


def _described(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(attributes.get(name, "")) for name in ("form", "response")}


def _stack(tables: Sequence[Table]) -> Table:
    return Table({name: np.concatenate([table[name] for table in tables]) for name in tables[0].columns})


def _objects(labels: np.ndarray) -> np.ndarray:
    return labels.astype(object) if labels.dtype.kind in "UT" else labels
