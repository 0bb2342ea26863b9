"""What all pictures have in common: colours that everybody can tell apart, dates that fit, legends aside."""

from typing import TYPE_CHECKING

from cycler import cycler
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What files of pictures draw as C0, C1, ...: the colours of Okabe & Ito (2008).
COLOURS = cycler(
    color=["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000"]
)


def date_axis(axes: "Axes") -> None:
    """Label dates briefly, so that they do not run into each other; other axes stay as they are."""
    locator = axes.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        few = AutoDateLocator(minticks=3, maxticks=6)
        axes.xaxis.set_major_locator(few)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(few))


def head(figure: Figure, title: str, legend: "Axes | None" = None) -> None:
    """Write the title at the left, and the legend of a panel at the right of it, beside the data."""
    handles, labels = legend.get_legend_handles_labels() if legend is not None else ([], [])
    if handles:
        columns = min(len(handles), 4)
        figure.legend(handles, labels, loc="outside upper right", ncols=columns, frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
