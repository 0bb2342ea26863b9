"""What the store holds of a forecast, below ``/sweeps/<sweep>/forecasts/<scenario>-<hash8>``.

Axes market and firm are those of the sweep; cells that were not forecast are nan. Own coordinates: ``future``
(labels of the periods after the data), ``quantile``, ``effort``, ``member`` (models that take part).
Attributes: scenario (JSON), created, snapshot of the fits, currency of sales, model_choice (sentences on
which models were chosen and why), total_sales (by market, the model of total sales and the errors of all of
them in held-out periods); older forecasts lack the last two. Where a scenario has entrants there are, with
the coordinate ``entrant``, their shares, sales and expenses, and the shares of the others without them. A
forecast is written once: the hash is that of the scenario and of its numbers.
"""

import hashlib
import re

from pipeline.store.format.catalogue import Variable
from pipeline.store.format.layout import sweep_path

_MARKET = ("market",)
_SHARE = ("market", "firm", "future")
_QUANTILE = ("market", "quantile", "firm", "future")
_ENTRANT = ("market", "entrant", "future")
_ENTRANT_QUANTILE = ("market", "quantile", "entrant", "future")
_CURRENCY = "currency / period"
FORECAST_VARIABLES: tuple[Variable, ...] = (
    Variable("share", "forecasts", _SHARE, "1", "market share at the estimates"),
    Variable("sales", "forecasts", _SHARE, _CURRENCY, "sales at the estimates"),
    Variable(
        "expense",
        "forecasts",
        _SHARE,
        _CURRENCY,
        "expenses on efforts of kind ratio and amount, at the estimates",
    ),
    Variable(
        "efforts",
        "forecasts",
        ("market", "firm", "effort", "future"),
        "see unit(effort)",
        "efforts under the plan, of the heaviest model",
    ),
    Variable("total_sales", "forecasts", ("market", "future"), _CURRENCY, "sales of the market, median"),
    Variable("share_quantile", "forecasts", _QUANTILE, "1", "quantiles of market share", optional=True),
    Variable("sales_quantile", "forecasts", _QUANTILE, _CURRENCY, "quantiles of sales", optional=True),
    Variable("entrant_share", "forecasts", _ENTRANT, "1", "share of who enters", optional=True),
    Variable("entrant_sales", "forecasts", _ENTRANT, _CURRENCY, "sales of who enters", optional=True),
    Variable("entrant_expense", "forecasts", _ENTRANT, _CURRENCY, "expenses of who enters", optional=True),
    Variable(
        "entrant_share_quantile",
        "forecasts",
        _ENTRANT_QUANTILE,
        "1",
        "quantiles of the share of who enters",
        optional=True,
    ),
    Variable(
        "entrant_sales_quantile",
        "forecasts",
        _ENTRANT_QUANTILE,
        _CURRENCY,
        "quantiles of the sales of who enters",
        optional=True,
    ),
    Variable(
        "share_without",
        "forecasts",
        _SHARE,
        "1",
        "market share at the estimates if nobody entered",
        optional=True,
    ),
    Variable("taken_quantile", "forecasts", _QUANTILE, "1", "quantiles of what they take", optional=True),
    Variable("weight", "forecasts", ("market", "member"), "1", "weight of the model"),
    Variable(
        "rejected",
        "forecasts",
        _MARKET,
        "count",
        "draws of parameters that had no course of shares",
        optional=True,
    ),
)
FORECAST_COORDINATES = {
    "future": {"long_name": "period after the data", "axis": "T"},
    "quantile": {"long_name": "quantile", "units": "1"},
    "effort": {"long_name": "effort"},
    "entrant": {"long_name": "firm that enters"},
    "member": {"long_name": "model that takes part"},
}


def forecasts_path(sweep: str) -> str:
    """Group of all forecasts of a sweep."""
    return f"{sweep_path(sweep)}/forecasts"


def forecast_name(scenario: str, content: bytes) -> str:
    """Name of the group of a forecast: other numbers or another scenario are another forecast."""
    digest = hashlib.sha256(content).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', scenario).strip('-.') or 'scenario'}-{digest}"
