"""What the store holds of a flight plan, below ``/sweeps/<sweep>/plans/<name>``.

Own coordinates: ``future`` (labels of the periods after the data), ``quantile``, ``effort`` (those that the
plan changes). Attributes: settings (JSON; the deadline as the label of its period), market, firm, model,
target, chance, created, snapshot of the fits. A plan is written once under its name.
"""

from pipeline.store.format.catalogue import Variable
from pipeline.store.format.layout import sweep_path

PLAN_VARIABLES: tuple[Variable, ...] = (
    Variable("share", "plans", ("future",), "1", "share that the plan comes to"),
    Variable("share_quantile", "plans", ("quantile", "future"), "1", "quantiles of the share under the plan"),
    Variable("expenses", "plans", ("future",), "currency / period", "money of the firm"),
    Variable("efforts", "plans", ("effort", "future"), "see unit(effort)", "efforts that the plan changes"),
)
PLAN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the share that a plan is held against when it is flown."""
PLAN_COORDINATES = {
    "future": {"long_name": "period after the data", "axis": "T"},
    "quantile": {"long_name": "quantile", "units": "1"},
    "effort": {"long_name": "effort"},
}


def plans_path(sweep: str) -> str:
    """Group of all plans of a sweep."""
    return f"{sweep_path(sweep)}/plans"
