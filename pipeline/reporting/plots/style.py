"""What all pictures have in common: colours that everybody can tell apart, dates that fit, legends aside."""

import textwrap
from typing import TYPE_CHECKING, Literal

import numpy as np
from cycler import cycler
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What files of pictures draw as C0, C1, ...: the colours of Okabe & Ito (2008).
COLOURS = cycler(
    color=["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000"]
)
#: What spans more than this is drawn on a logarithmic scale.
_DECADES = 20.0
#: A step longer than this, in usual ones, is a gap: months and quarters differ in length by less.
_GAP = 1.5
#: Letters of titles (10 points) and of legends and panels (8 or 9 points) on an inch.
_TITLE_LETTERS, _LETTERS = 12.5, 14.5
_HANDLE = 0.6


def date_axis(axes: "Axes") -> None:
    """Label dates briefly, so that they do not run into each other; other axes stay as they are."""
    locator = axes.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        few = AutoDateLocator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(few)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(few))


def decades_axis(axes: "Axes", which: Literal["x", "y"], *values: np.ndarray) -> None:
    """Make an axis logarithmic where all values on it are above 0 and span more than a factor of twenty."""
    known = np.concatenate([np.ravel(np.asarray(one, dtype=float)) for one in values])
    known = known[np.isfinite(known)]
    if known.size and known.min() > 0.0 and known.max() > _DECADES * known.min():
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")


def broken(time: np.ndarray, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Put nothing between periods that have others missing between them, so that lines break there.

    Parameters
    ----------
    time : (T,) array
        Ascending dates or numbers.
    *values : (T,) arrays
        What is drawn over it.

    Returns
    -------
    time, *values
        Longer by one for each gap, with nan there.
    """
    steps = np.diff(np.asarray(time).astype(np.int64 if np.asarray(time).dtype.kind in "Mm" else float))
    places = np.flatnonzero(steps > _GAP * np.median(steps)) + 1 if steps.size else np.empty(0, dtype=int)
    if not places.size:
        return (time, *values)
    between = time[places - 1] + (time[places] - time[places - 1]) / 2
    return (
        np.insert(time, places, between),
        *(np.insert(np.asarray(one, dtype=float), places, np.nan) for one in values),
    )


def head(figure: Figure, title: str, legend: "Axes | None" = None) -> None:
    """Write the title at the left, and the legend of a panel at the right of it, beside the data.

    A title that has no room beside the legend goes on in further lines.
    """
    handles, labels = legend.get_legend_handles_labels() if legend is not None else ([], [])
    room = float(figure.get_figwidth())
    if handles:
        columns = min(len(handles), 4)
        figure.legend(handles, labels, loc="outside upper right", ncols=columns, frameon=False, fontsize=8)
        widest = [max(map(len, map(str, labels[column::columns]))) for column in range(columns)]
        room -= sum(letters / _LETTERS + _HANDLE for letters in widest)
    if title:
        wrapped = textwrap.fill(title, max(int(room * _TITLE_LETTERS), 24))
        figure.suptitle(wrapped, fontsize=10, x=0.01, ha="left")


def panel_title(axes: "Axes", text: str, inches: float, *, loc: Literal["left", "center"] = "center") -> None:
    """Write the title of a panel of this width, in as many lines as it takes."""
    axes.set_title(textwrap.fill(text, max(int(inches * _LETTERS), 12)), fontsize=9, loc=loc)


def small_ticks(axes: "Axes") -> None:
    """Write the labels of ticks small, and what is common to them (a power of ten, a year) as small."""
    axes.tick_params(labelsize=7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set_fontsize(7)
