"""Parts of a page that a browser asks for again while a sweep runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.explore.reply import Page

if TYPE_CHECKING:
    from pipeline.explore.visit import Visit

AGAIN, OF = "Beed-Again", "Beed-Of"
"""Headers: after how many seconds to ask again (0: never), and what to send as ``of`` then."""


def fragment(template: str, values: Mapping[str, Any], *, again: float, of: str) -> Page:
    """Give a part of a page, and when to ask for it again.

    Parameters
    ----------
    template, values
        As of a `Page`.
    again
        Seconds; 0: no more.
    of
        What it shows, for `unchanged`.
    """
    return Page(template, values=values, headers={AGAIN: f"{again:g}", OF: of})


def unchanged(visit: "Visit", again: float) -> Page:
    """Say that what the browser shows still holds."""
    return Page("nothing.html", status=204, headers={AGAIN: f"{again:g}", OF: visit.query.get("of", "")})
