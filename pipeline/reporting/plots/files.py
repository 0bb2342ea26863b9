"""Figures as files of pictures."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

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
        _recolour(figure)
        with mpl.rc_context({"axes.prop_cycle": COLOURS}):
            figure.savefig(target, dpi=130)
    except OSError as error:
        raise StoreError(f"The plot {target} could not be written: {error.strerror}.") from error
    return target


def _recolour(figure: Figure) -> None:
    """Give areas the colours that lines of their number are going to have: theirs are looked up at once."""
    usual = [to_rgb(f"C{number}") for number in range(len(COLOURS))]
    ours = [to_rgb(colour) for colour in COLOURS.by_key()["color"]]
    for artist in figure.findobj(lambda one: isinstance(one, Patch | Collection)):
        for part in ("facecolor", "edgecolor"):
            found = np.atleast_2d(getattr(artist, f"get_{part}")())
            changed = found.copy()
            for old, new in zip(usual, ours, strict=True):
                changed[np.isclose(found[:, :3], old).all(axis=1), :3] = new
            if not np.array_equal(found, changed):
                getattr(artist, f"set_{part}")(changed if isinstance(artist, Collection) else changed[0])
