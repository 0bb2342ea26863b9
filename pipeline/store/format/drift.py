"""What the store holds of drift, below ``/sweeps/<sweep>/drift``: a vintage against the one before it.

Axis market is that of the sweep, param that of the model in the group ``fits``. Attributes: since (date
of the vintage before), thresholds, alarm. Arrays of a model lie in ``drift/<model>``, the others above them.
"""

from pipeline.store.format.catalogue import Variable
from pipeline.store.format.layout import sweep_path

_MARKET = ("market",)
_PARAM = ("market", "param")
DRIFT_VARIABLES: tuple[Variable, ...] = (
    Variable("old", "drift", _PARAM, "see unit(param)", "parameter value in the vintage before"),
    Variable("old_stderr", "drift", _PARAM, "see unit(param)", "its standard error then"),
    Variable("change", "drift", _PARAM, "1", "change since, in standard errors of a change"),
    Variable(
        "change_stderr",
        "drift",
        _PARAM,
        "see unit(param)",
        "standard error of a change, nothing having changed",
    ),
    Variable("exceeded", "drift", _PARAM, "1", "1 where the change is beyond the threshold", "int8", 0),
    Variable(
        "forecast_rmse",
        "drift",
        _MARKET,
        "1",
        "root mean square error of the shares of the new periods, as forecast then, given the efforts",
    ),
    Variable("baseline_rmse", "drift", _MARKET, "1", "the same of the forecast that nothing changes"),
    Variable("fit_rmse", "drift", _MARKET, "1", "root mean square error of the fit then"),
    Variable("periods", "drift", _MARKET, "count", "new periods forecast then", "int32", 0),
)
MARKET_VARIABLES: tuple[Variable, ...] = (
    Variable("best_before", "drift", _MARKET, "1", "model with the smallest AICc then", "str", 0),
    Variable("best_now", "drift", _MARKET, "1", "model with the smallest AICc now", "str", 0),
    Variable("drifted", "drift", _MARKET, "1", "1 where a threshold is exceeded", "int8", 0),
)


def drift_path(sweep: str, model: str = "") -> str:
    """Group of the drift of a sweep, or of one of its models."""
    return f"{sweep_path(sweep)}/drift" + (f"/{model}" if model else "")
