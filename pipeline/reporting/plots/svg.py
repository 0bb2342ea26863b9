"""Figures as SVG that stands inside a page: its colours and fonts, nothing that points outside."""

import io
import re
import threading
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

# Colours that drawings use, and the variables of the page's style that stand for them.
_COLOURS = {
    "#000000": "var(--ink)",
    "#595959": "var(--muted)",
    "#1f77b4": "var(--accent)",
    "#ff7f0e": "var(--second)",
    "#2ca02c": "var(--third)",
    "#d62728": "var(--fourth)",
    "#cccccc": "var(--line)",
}
# Figures may be put together side by side; what draws them is not made for several threads.
_DRAWING = threading.Lock()
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_COLOUR = re.compile("|".join(_COLOURS))
# References to namespaces are addresses on the network to the eye, and HTML needs none.
_NAMESPACE = re.compile(r'\sxmlns(?::\w+)?="[^"]*"')
_GROUP_ID = re.compile(r'(<g\b[^>]*?)\sid="[^"]*"')
_LOCAL = re.compile(r'(id="|href="#|url\(#)')


def inline_svg(figure: Figure, label: str, prefix: str) -> str:
    """Draw a figure as an element ``<svg>`` for an HTML page.

    Parameters
    ----------
    figure
        Drawn with black (ink), grey 0.35 (muted), grey 0.8 (lines) and the colours C0 to C3, each of which
        follows the page's style, by day and by night.
    label
        What it shows, for screen readers.
    prefix
        Letters and digits that keep its identifiers apart from those of the other figures of the page.

    Returns
    -------
    str
        Text stays text. No script, no address.
    """
    out = io.StringIO()
    with _DRAWING, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "beed"}):
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    head, body = text.split(">", 1)
    size = re.search(r'viewBox="[^"]*"', head)
    body = _GROUP_ID.sub(r"\1", body)
    body = _LOCAL.sub(lambda match: f"{match[1]}{prefix}-", body.replace("xlink:href", "href"))
    body = _COLOUR.sub(lambda match: _COLOURS[match[0]], _NAMESPACE.sub("", body))
    return f'<svg role="img" aria-label="{escape(label)}" {size[0] if size else ""}>{body.strip()}'
