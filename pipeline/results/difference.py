"""How two errors differ, in words."""

import numpy as np

from pipeline.results.tables.comparison import LEVEL


def describe_difference(difference: float, error: float, p: float, against: str) -> str:
    """Say how an error differs from that of the reference, and whether by more than chance."""
    base = error - difference
    if difference == 0.0 and np.isnan(p):
        return "the reference"
    size = f"{abs(difference) / base:.1%}" if base > 0.0 else f"{abs(difference):.3g}"
    word = "smaller" if difference < 0.0 else "larger"
    chance = "" if np.isnan(p) else ", more than chance" if p < LEVEL else ", may be chance"
    return f"{size} {word} than {against}{chance}"
