"""The catalogue of what a result store holds: arrays, statistics, labels; each a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from pipeline.status import Status

Group = Literal[
    "fits", "trajectories", "validation", "population", "first_stages", "forecasts", "drift", "plans"
]
RESULT_GROUPS: tuple[Group, ...] = ("fits", "trajectories", "validation")
"""What a sweep computes; a baseline has only ``validation``."""


class SweepState(StrEnum):
    """Where a sweep stands."""

    CREATED = "created"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Variable:
    """One array of the store.

    Parameters
    ----------
    name, group
        Its name, and the kind of group it lives in.
    dims
        Names of its axes, the market first. A sweep that has no label along one of them, such as bootstrap
        replicates that were not asked for, does not have the array.
    units, long_name
        As in the CF conventions.
    dtype
        Of its elements, as numpy writes it.
    fill
        Value of cells not written yet, or that do not exist for this market.
    optional
        A forecast, or a sweep of an earlier version, may be without it.
    """

    name: str
    group: Group
    dims: tuple[str, ...]
    units: str
    long_name: str
    dtype: str = "float64"
    fill: float = np.nan
    optional: bool = False


_FIT = ("market", "window")
_OF_PARAMETER = "see unit(param)"
#: What a sweep holds of every model and baseline, by name. To add an array, add its record here and compute
#: its values: as the field of that name of `pipeline.fitting.calibrate.FitRecord` or of its `uncertainty`.
VARIABLES: Mapping[str, Variable] = {
    variable.name: variable
    for variable in (
        Variable("value", "fits", (*_FIT, "param"), _OF_PARAMETER, "parameter value"),
        Variable("stderr", "fits", (*_FIT, "param"), _OF_PARAMETER, "standard error"),
        Variable(
            "correlation", "fits", (*_FIT, "param", "param_"), "1", "correlation of the parameter estimates"
        ),
        Variable(
            "at_bound",
            "fits",
            (*_FIT, "param"),
            "1",
            "-1 at the lower bound, 1 at the upper bound, 2 where f would be negative beyond, 0 between",
            dtype="int8",
            fill=0,
        ),
        Variable("statistic", "fits", (*_FIT, "stat"), "see STATISTICS", "fit statistics"),
        Variable(
            "start_cost",
            "fits",
            (*_FIT, "start"),
            "1",
            "half the sum of squared residuals reached from each start",
        ),
        Variable(
            "replicate_value",
            "fits",
            (*_FIT, "replicate", "param"),
            _OF_PARAMETER,
            "parameter value of each bootstrap replicate",
        ),
        Variable(
            "interval",
            "fits",
            (*_FIT, "interval_method", "param", "level", "side"),
            _OF_PARAMETER,
            "end of the interval of the parameter",
        ),
        Variable(
            "recommended",
            "fits",
            (*_FIT, "param"),
            "see pipeline.store.format.catalogue.RECOMMENDED",
            "method whose interval to trust, or why there is none",
            dtype="int8",
            fill=0,
        ),
        Variable(
            "sensitivity",
            "fits",
            (*_FIT, "param"),
            "1 / unit(param)",
            "norm of the derivatives of all residuals in the parameter",
        ),
        Variable(
            "direction",
            "fits",
            (*_FIT, "direction", "param"),
            "1",
            "direction that the data see badly: unit vector of parameters times their sensitivity",
        ),
        Variable(
            "direction_strength",
            "fits",
            (*_FIT, "direction"),
            "1",
            "singular value of the scaled Jacobian along the direction, relative to the largest",
        ),
        Variable(
            "first_stage_f",
            "fits",
            (*_FIT, "endogenous"),
            "1",
            "F statistic of the instruments of the effort; below 10 they are weak",
            optional=True,
        ),
        Variable(
            "hausman_t",
            "fits",
            (*_FIT, "endogenous"),
            "1",
            "t-statistic of what instruments do not explain of the effort: 0 where it is exogenous",
            optional=True,
        ),
        Variable(
            "lift",
            "fits",
            (*_FIT, "experiment"),
            "share, or currency where sales were measured",
            "difference that the model says the experiment made; nan where it was not fitted to it",
            optional=True,
        ),
        Variable(
            "leverage",
            "fits",
            (*_FIT, "experiment"),
            "1",
            "part of the lift that the experiment decides itself",
            optional=True,
        ),
        Variable("status", "fits", _FIT, "1", "what became of the fit", "int16", int(Status.PENDING)),
        Variable(
            "no_forecast",
            "fits",
            _FIT,
            "1",
            "why a usable fit has no forecast: see pipeline.status.NoForecast; 0 where there is one",
            dtype="int8",
            fill=0,
        ),
        Variable(
            "share",
            "trajectories",
            (*_FIT, "firm", "time"),
            "1",
            "market share, as calibrated; nan also where it is left to be computed from the parameters",
            optional=True,
        ),
        Variable(
            "error",
            "validation",
            (*_FIT, "model", "future", "metric"),
            "see metric",
            "error of the forecast shares, all periods ahead pooled",
        ),
        Variable(
            "step_error",
            "validation",
            (*_FIT, "model", "future", "step", "metric"),
            "see metric",
            "error of the forecast shares of one period ahead",
        ),
        Variable(
            "pit_count",
            "validation",
            (*_FIT, "model", "future", "step", "pit"),
            "count",
            "shares that came in this part of their forecast distribution",
            dtype="int32",
            fill=0,
            optional=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number kept of every fit; all of them are packed into the array ``statistic``."""

    name: str
    units: str
    long_name: str


STATISTICS: tuple[Statistic, ...] = (
    Statistic("chisqr", "1", "sum of squared residuals"),
    Statistic("redchi", "1", "sum of squared residuals per degree of freedom"),
    Statistic("aic", "1", "Akaike information criterion"),
    Statistic("aicc", "1", "Akaike information criterion corrected for small samples"),
    Statistic("bic", "1", "Bayesian information criterion"),
    Statistic("log_likelihood", "1", "log-likelihood of the residuals, taken as Gaussian"),
    Statistic("n_residual", "count", "number of residuals"),
    Statistic("n_free", "count", "number of free parameters"),
    Statistic("n_effective", "count", "effective number of parameters: trace of the hat matrix"),
    Statistic("n_noise", "count", "numbers estimated of the covariance of errors, but for the variance"),
    Statistic("shrinkage", "1", "factor on the standard deviations of the priors, as chosen"),
    Statistic("rmse", "1", "root mean square error of share in the fitted periods"),
    Statistic("rank", "count", "directions of the parameters that the data see"),
    Statistic("condition", "1", "condition number of the scaled Jacobian"),
    Statistic("autocorrelation", "1", "correlation of errors from one period to the next, bias corrected"),
    Statistic("error_order", "count", "order of the autoregression of errors; 3: two are not enough"),
    Statistic("p_autocorrelation", "1", "p-value: errors of successive periods are uncorrelated"),
    Statistic("p_unit_root", "1", "p-value: errors are random walks"),
    Statistic("p_size_firms", "1", "p-value: errors are of one size in all firms"),
    Statistic("p_size_time", "1", "p-value: errors are of one size at all times"),
    Statistic("p_break", "1", "p-value: every parameter is the same in all periods"),
    Statistic("break_period", "count", "fitted periods before the change of a parameter, if there is one"),
    Statistic(
        "adjustment_rate", "1 / period", "rate at which shares near their long run; negative: they part"
    ),
    Statistic("nfev", "count", "evaluations of residual and Jacobian"),
    Statistic("starts_agree", "count", "starts that reached the best cost"),
    Statistic("seconds", "s", "time spent on this fit"),
)
RECOMMENDED: tuple[str, ...] = (
    "",
    "covariance",
    "autoregressive",
    "hac",
    "profile",
    "bootstrap",
    "mcmc",
    "undetermined",
    "at bound",
    "fixed",
)
"""What the codes of ``recommended`` say, by their number; codes are never renumbered. 0: not known."""
CAP = 0.95
"""Largest ``autocorrelation`` that is used: beyond it, errors are hardly to be told from a trend, and the
variance that the fit took out of them is a guess."""
SIDES: tuple[str, ...] = ("lower", "upper")
"""Labels of the two ends of an interval."""
STATISTIC_NAMES: tuple[str, ...] = tuple(statistic.name for statistic in STATISTICS)

COORDINATE_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "market": {"long_name": "market"},
    "window": {"long_name": "periods calibrated on"},
    "start": {"long_name": "starting point", "units": "1"},
    "replicate": {"long_name": "bootstrap replicate", "units": "1"},
    "firm": {"long_name": "firm"},
    # Not "method", which is an argument of xarray's own selection.
    "interval_method": {"long_name": "method of the interval"},
    "level": {"long_name": "coverage probability of the interval", "units": "1"},
    "side": {"long_name": "end of the interval"},
    "direction": {"long_name": "weak direction, the weakest first", "units": "1"},
    "effort": {"long_name": "effort"},
    "endogenous": {"long_name": "effort that answers to the market"},
    "experiment": {"long_name": "experiment of the market", "units": "1"},
    "time": {"long_name": "period", "axis": "T"},
    "param": {"long_name": "parameter"},
    "param_": {"long_name": "parameter (second axis of a matrix)"},
    "unit": {"long_name": "unit of the parameter"},
    "stat": {"long_name": "fit statistic"},
    "model": {"long_name": "model or baseline"},
    "metric": {"long_name": "measure of error"},
    "future": {"long_name": "efforts and market total ahead: given, or carried forward"},
    "step": {"long_name": "periods ahead of the last one fitted", "units": "1"},
    "pit": {"long_name": "lower end of the part of the forecast distribution", "units": "1"},
}


def pack_statistics(values: Mapping[str, float]) -> np.ndarray:
    """Put named statistics of one fit in the order of the store.

    Parameters
    ----------
    values
        By the names in `STATISTIC_NAMES`; what is left out becomes nan.

    Returns
    -------
    ndarray of float64, shape (len(STATISTIC_NAMES),)

    Raises
    ------
    KeyError
        A name that the store does not know.
    """
    unknown = sorted(set(values) - set(STATISTIC_NAMES))
    if unknown:
        raise KeyError(f"Unknown statistics {unknown}; the store knows {list(STATISTIC_NAMES)}.")
    return np.array([values.get(name, np.nan) for name in STATISTIC_NAMES], dtype=np.float64)
