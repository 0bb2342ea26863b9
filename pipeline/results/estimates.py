"""The estimates of a sweep as cubes that can be laid along the axes of another one."""

from collections.abc import Mapping

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Floats
from pipeline.config.sections.uncertainty import most_trusted
from pipeline.results.intervals import LEVEL
from pipeline.results.tables.sweep_tables import SweepTables

_STATISTICS = ("aicc", "rmse", "redchi")


class Estimates:
    """Estimates of the fits to all periods, read once.

    Parameters
    ----------
    tables
        Of the sweep.
    """

    def __init__(self, tables: SweepTables) -> None:
        self.tables = tables
        self.markets = tables.labels("market")
        self._read: dict[str, dict[str, Floats]] = {}
        self._params: dict[str, tuple[str, ...]] = {}

    def params(self, model: str) -> tuple[str, ...]:
        """Names of the parameters of a model."""
        if model not in self._params:
            self._params[model] = tuple(map(str, self.tables.params_of(model)))
        return self._params[model]

    def read(self, model: str) -> dict[str, Floats]:
        """Give value, stderr and half (market, param), aicc, rmse and redchi (market,).

        ``half`` is half the width of the interval that is to be trusted most, in deviations of a normal
        distribution; without intervals it is the standard error. nan where a fit is not usable.
        """
        if model not in self._read:
            arrays, statistics = self.tables.arrays(model), self.tables.statistics(model)
            cubes = {name: np.asarray(arrays[name][:, 0]) for name in ("value", "stderr")}
            cubes["half"] = self._half_width(arrays) if "interval" in arrays else cubes["stderr"]
            self._read[model] = cubes | {name: statistics[name] for name in _STATISTICS}
        return self._read[model]

    def _half_width(self, arrays: Mapping[str, zarr.Array]) -> Floats:
        ends, level = trusted_ends(self.tables, arrays)
        half: Floats = (ends[..., 1] - ends[..., 0]) / (-2.0 * special.ndtri(0.5 - 0.5 * level))
        return half

    def along(self, model: str, name: str, markets: np.ndarray, params: tuple[str, ...]) -> Floats:
        """Give value, stderr or half along other markets and parameters; nan where there is none."""
        columns = {param: place for place, param in enumerate(self.params(model))}
        values = self.read(model)[name]
        values = np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1)
        chosen = np.array([columns.get(param, -1) for param in params], dtype=np.intp)
        return aligned(self.markets, markets, values[:, chosen])

    def best(self, markets: np.ndarray) -> NDArray[np.str_]:
        """Name the model with the smallest AICc, by market; empty without any."""
        models = self.tables.info.models
        scores = np.array([aligned(self.markets, markets, self.read(model)["aicc"]) for model in models])
        table = np.where(np.isnan(scores), np.inf, scores)
        names = np.array(models, dtype=np.str_)[table.argmin(axis=0)]
        return np.where(np.isfinite(table.min(axis=0)), names, "")


def trusted_ends(tables: SweepTables, arrays: Mapping[str, zarr.Array]) -> tuple[Floats, float]:
    """Read both ends (market, param, 2) of the intervals to trust most, and the stored level nearest to 95 %.

    Of the fits to all periods, of a model that has intervals; ``arrays`` are those of the model.
    """
    methods, levels = list(map(str, tables.labels("interval_method"))), tables.labels("level")
    method = methods.index(most_trusted(methods) or methods[0])
    level = int(np.argmin(np.abs(levels - LEVEL)))
    return np.asarray(arrays["interval"][:, 0, method, :, level]), float(levels[level])


def aligned(labels: np.ndarray, wanted: np.ndarray, values: Floats) -> Floats:
    """Put values (L', ...) of labelled markets in the places of others; nan where a label has none."""
    places = {label: place for place, label in enumerate(labels.tolist())}
    result = np.full((len(wanted), *values.shape[1:]), np.nan)
    for row, label in enumerate(wanted.tolist()):
        if label in places:
            result[row] = values[places[label]]
    return result
