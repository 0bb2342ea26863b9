"""How far the calibration of each market has moved since the vintage before, and whether that is too far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.recalibration import ThresholdsSection
from pipeline.results.estimates import Estimates, aligned
from pipeline.vintages.change import beyond, count_periods, measure_changes
from pipeline.vintages.hindsight import forecast_errors_since

if TYPE_CHECKING:
    from pipeline.results.results import Results


@dataclass(frozen=True, eq=False)
class ModelDrift:
    """One model in L markets with P parameters; nan where there is nothing to compare.

    Attributes
    ----------
    old, old_stderr : (L, P) arrays
        Estimates of the vintage before, and their standard errors.
    change, change_stderr : (L, P) arrays
        New less old, in standard errors of such a difference, and these: see `pipeline.vintages.change`. nan
        where the data did not or do not determine a parameter, and for what is no part of the law.
    exceeded : (L, P) array of bool
        Where that is beyond the threshold, in the markets whose best model this was.
    forecast_rmse, baseline_rmse, fit_rmse : (L,) arrays
        Root mean squared errors of shares: of the new periods as forecast then, given the efforts; of these
        periods if shares had stayed as they were then; of the fit then.
    periods : (L,) array of int
        New periods.
    """

    old: Floats
    old_stderr: Floats
    change: Floats
    change_stderr: Floats
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
        What counts as drift.
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
        return {name: vars(model) for name, model in self.models.items()}

    def attributes(self) -> dict[str, object]:
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
        What counts as drift.

    Returns
    -------
    Drift
        By the markets and parameters of the later one.
    """
    before, now = Estimates(old.tables), Estimates(new.tables)
    markets = now.markets
    shared = [model for model in new.models if model in old.models]
    best_before, best_now = before.best(markets), now.best(markets)
    errors = forecast_errors_since(old, new, before, shared)
    periods_of = count_periods(old, new)
    models, drifted = {}, np.zeros(len(markets), dtype=np.bool_)
    for model in shared:
        moved = measure_changes(before, now, model, periods_of)
        forecast_rmse, baseline_rmse, periods, growth = errors[model].T
        fit_rmse = aligned(before.markets, markets, before.read(model)["rmse"])
        was_best, exceeded = best_before == model, np.zeros(moved.change.shape, dtype=np.bool_)
        if thresholds.change is not None:
            exceeded = was_best[:, None] & beyond(moved.change, thresholds.change)
            drifted |= exceeded.any(axis=1)
        if thresholds.forecast is not None:
            limit = thresholds.forecast * np.nan_to_num(growth * fit_rmse, nan=np.inf)
            drifted |= was_best & (np.nan_to_num(forecast_rmse) > limit)
        models[model] = ModelDrift(
            old=moved.old,
            old_stderr=moved.old_stderr,
            change=moved.change,
            change_stderr=moved.unit,
            exceeded=exceeded,
            forecast_rmse=forecast_rmse,
            baseline_rmse=baseline_rmse,
            fit_rmse=fit_rmse,
            periods=np.nan_to_num(periods).astype(np.int64),
        )
    if thresholds.best_model:
        drifted |= (best_before != best_now) & (best_before != "") & (best_now != "")
    known = best_before != ""
    alarm = bool(known.any()) and float(drifted[known].mean()) > thresholds.markets
    return Drift(since, models, best_before, best_now, drifted, alarm, thresholds)
