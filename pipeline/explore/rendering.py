"""From a reply to what is sent: templates piece by piece, JSON, files."""

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from markupsafe import Markup

from pipeline.explore.reply import Page
from pipeline.explore.routes import ROUTES
from pipeline.reporting.environment import html_environment
from pipeline.sweep.before.cost import readable_seconds

if TYPE_CHECKING:
    from pipeline.explore.visit import Visit

#: What a template writes where everything above may be sent: ``{{ sent }}``.
_SENT = "<!--sent-->"


@cache
def environment() -> Environment:
    """Give the templates of the pages, and those of the report below them."""
    made = html_environment("pipeline.explore", "pipeline.reporting")
    made.globals["sent"] = Markup(_SENT)
    made.globals["routes"] = tuple(route for route in ROUTES if route.name)
    made.filters["duration"] = readable_seconds
    return made


def pieces(page: Page, visit: "Visit | None") -> Iterator[bytes]:
    """Write a page piece by piece, the upper part before what takes long below it is computed."""
    template = environment().get_template(page.template)
    gathered: list[str] = []
    for piece in template.generate(visit=visit, title=page.title, **page.values):
        gathered.append(piece)
        if _SENT in piece:
            yield "".join(gathered).replace(_SENT, "").encode()
            gathered.clear()
    yield "".join(gathered).encode()


def to_json(content: Any) -> bytes:
    """Write plain values; null in place of numbers that JSON does not know, HTML in place of fragments."""
    return json.dumps(_plain(content), ensure_ascii=False, allow_nan=False).encode()


def _plain(content: Any) -> Any:
    if isinstance(content, Page):
        return b"".join(pieces(content, None)).decode()
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    return [_plain(value) for value in content] if isinstance(content, list | tuple) else content
