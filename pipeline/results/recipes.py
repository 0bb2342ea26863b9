"""The contender `auto`: at every origin the model that had forecast best inside the periods fitted there.

No model is chosen by a period that the forecast which it is chosen for could not have seen: the forecasts
compared are those after earlier origins, of periods up to the origin. So every fit of a sweep serves twice,
and `auto` costs no further ones but those of the origins before the first one (`validation.inner`). One model
is chosen for all markets.
"""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.fit import ValidationSection
from pipeline.results.frames.table import Table
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.metrics import average
from pipeline.validation.windows import ALL, GIVEN, INNER, windows_of

AUTO = "auto"
"""Name of the contender."""
_METRIC = "rmse"
# A model that failed in more than this part of the cases is not chosen.
_MISSING = 0.05


def has_auto(tables: SweepTables) -> bool:
    """Tell whether a sweep has forecasts to choose by before its first origin, and models to choose from."""
    inner = any(str(name).startswith(f"{INNER}-") for name in tables.labels("window"))
    return inner and len(tables.info.models) > 1 and "step_error" in tables.validation_arrays()


def choose_recipes(tables: SweepTables) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose a model for every window of a sweep for which `has_auto`.

    Returns
    -------
    chosen : (window,) array of int
        Places of models; that of the window of all periods is the one to use now.
    cases : (window,) array of int
        Forecasts that each was chosen by; 0: none, so the first model was taken.
    """
    return tables.kept.once("recipes", lambda: _choose_recipes(tables))


def _choose_recipes(tables: SweepTables) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    models = len(tables.info.models)
    future = [str(label) for label in tables.labels("future")].index(GIVEN)
    metric = [str(label) for label in tables.labels("metric")].index(_METRIC)
    error = np.asarray(tables.validation_arrays()["step_error"].oindex[:, :, :models, future, :, metric])
    study = json.loads(tables.info.attributes.get("study_json") or "{}")
    windows = windows_of(ValidationSection.model_validate(study.get("validation", {})))
    lengths = _lengths(tables)
    trained = np.array([[window.n_training(length) for window in windows] for length in lengths])
    found = [choose(error, trained, column, window.kind == ALL) for column, window in enumerate(windows)]
    return np.array([one[0] for one in found]), np.array([one[1] for one in found])


def choose(
    error: NDArray[np.float64], trained: NDArray[np.int64], column: int, everything: bool = False
) -> tuple[int, int]:
    """Choose the model for one window.

    Parameters
    ----------
    error : (market, window, model, step) array
        Root mean square errors of share, nan where there is no forecast.
    trained : (market, window) array of int
        Periods that each window fits.
    column : int
        The window.
    everything : bool
        Whether it holds all periods, so that all forecasts lie inside it.

    Returns
    -------
    int, int
        The model with the smallest error, mean over markets of the root mean square over what all models
        forecast (those that failed in more than 5 % are left out), and the number of those forecasts.
    """
    steps = np.arange(1, error.shape[-1] + 1)
    # The last period that each forecast is of, (market, window, step).
    target = trained[:, :, None] + steps
    inside = target <= trained[:, column, None, None]
    seen = np.where(inside[:, :, None], error, np.nan)
    if not everything:
        seen[:, column] = np.nan
    known = ~np.isnan(seen)
    anybody = known.any(axis=2)
    count = known.sum(axis=(0, 1, 3))
    if not anybody.any():
        return 0, 0
    kept = count >= min((1.0 - _MISSING) * anybody.sum(), count.max())
    shared = known[:, :, kept].all(axis=2, keepdims=True)
    square = np.where(shared, seen[:, :, kept] ** 2, np.nan)
    by_market = np.sqrt(average(np.moveaxis(square, 2, 1).reshape(len(square), kept.sum(), -1)))
    best = int(np.argmin(average(by_market, 0)))
    return int(np.flatnonzero(kept)[best]), int(shared.sum())


def auto_errors(tables: SweepTables, error: NDArray[np.float64], windows: NDArray[np.bool_]) -> NDArray:
    """Errors of `auto`, (market, window, 1, step), from those of all models in some windows of a sweep."""
    chosen = choose_recipes(tables)[0][windows]
    return np.stack([error[:, column, model] for column, model in enumerate(chosen)], axis=1)[:, :, None]


def recipe_now(tables: SweepTables) -> str | None:
    """Name the model that `auto` comes to with all periods; None when the sweep has none."""
    return tables.info.models[int(choose_recipes(tables)[0][0])] if has_auto(tables) else None


def recipes(tables: SweepTables) -> Table:
    """One row a window: the model that `auto` chose there, and the number of forecasts that it chose by."""
    names: Sequence[str] = ("window", "model", "forecasts")
    if not has_auto(tables):
        return Table.from_rows(names, [])
    windows = [str(name) for name in tables.labels("window")]
    rows = [
        (window, tables.info.models[model], int(count))
        for window, model, count in zip(windows, *choose_recipes(tables), strict=True)
        if not window.startswith(f"{INNER}-")
    ]
    return Table.from_rows(names, rows)


def _lengths(tables: SweepTables) -> list[int]:
    """Count the periods of each market, a few markets at a time."""
    sales = tables.panel_arrays()["sales"]
    step = max(1, 2**22 // max(int(np.prod(sales.shape[1:])), 1))
    lengths: list[int] = []
    for start in range(0, sales.shape[0], step):
        present = ~np.isnan(np.asarray(sales[start : start + step]))
        lengths += present.any(axis=1).sum(axis=1).tolist()
    return lengths
