"""Figures as files of pictures."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from pipeline.errors import QueryError, StoreError
from pipeline.reporting.plots.style import COLOURS

_SUFFIXES = (".png", ".svg")


def plot_file(out: str | Path) -> Path:
    """Give the path of a picture.

    Raises
    ------
    QueryError
        Another kind of file than can be drawn.
    """
    target = Path(out)
    if target.suffix.lower() not in _SUFFIXES:
        raise QueryError(f"Got the file {target}; expected a name that ends in {' or '.join(_SUFFIXES)}.")
    return target


def save_figure(figure: Figure, target: Path) -> Path:
    """Write a picture.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    try:
        # Colours by number are looked up when they are drawn, which is now.
        with mpl.rc_context({"axes.prop_cycle": COLOURS}):
            figure.savefig(target, dpi=130)
    except OSError as error:
        raise StoreError(f"The plot {target} could not be written: {error.strerror}.") from error
    return target
