"""The cells of a table as plain Python values, and as text."""

from typing import Any

import numpy as np


def plain_values(column: np.ndarray) -> list[Any]:
    """Turn a column into Python values: None where one is missing, dates as text."""
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    if column.dtype.kind == "M":
        return [None if np.isnat(value) else _date(value) for value in column]
    if column.dtype.kind == "m":
        return [None if np.isnat(value) else str(value) for value in column]
    return column.tolist()


def format_cell(value: object, digits: int = 6, missing: str = "-") -> str:
    """Write a value as text.

    Parameters
    ----------
    value
        None and nan count as missing.
    digits
        Significant digits of a floating-point number.
    missing
        Stands for a missing value.
    """
    if value is None or value != value:
        return missing
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _date(value: np.datetime64) -> str:
    return str(value).removesuffix("T00:00:00.000000").removesuffix("T00:00:00")
