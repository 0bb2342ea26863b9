"""Values and names of columns as people read them, on a page and in a terminal."""

import numpy as np

from pipeline.results.frames.cells import format_cell

MISSING = "–"
_DIGITS = 4
_HEADINGS = {
    "aic_lead": "AIC lead",
    "bic_lead": "BIC lead",
    "by_aic": "best by AIC",
    "by_bic": "best by BIC",
    "best_by_aic": "best by AIC in",
    "best_by_bic": "best by BIC in",
    "better_in": "better in",
    "worse_in": "worse in",
    "gamma": "γ",
    "half_life": "half-life",
    "p": "p-value",
}
_CRITERIA = {"aic": "AIC", "aicc": "AICc", "bic": "BIC"}
# Of probabilities and weights, so many places are enough.
_PLACES = 4
_SMALL = 1e-4


def heading(name: str) -> str:
    """Turn the name of a column into a heading."""
    if name in _HEADINGS:
        return _HEADINGS[name]
    return " ".join(_CRITERIA.get(word, word) for word in name.split("_"))


def cell(value: object, column: str = "") -> str:
    """Write a value of a column: four digits, a dash where it is missing."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, float) or np.isnan(value):
        return format_cell(value, _DIGITS, MISSING)
    if np.isinf(value):
        return "∞" if value > 0.0 else "-∞"
    if column == "p" or column.startswith(("weight", "stacking")):
        if 0.0 < value < _SMALL:
            return "<0.0001"
        value = round(value, _PLACES)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e6 else format_cell(value, _DIGITS)


def with_unit(name: str, unit: str) -> str:
    """Write a name with its unit, where it has one."""
    return name if unit in ("", "1") else f"{name} [{unit}]"


def cell_range(low: float, high: float) -> str:
    """Write an interval."""
    return f"{format_cell(low, _DIGITS, MISSING)} … {format_cell(high, _DIGITS, MISSING)}"
