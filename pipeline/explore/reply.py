"""What a page gives: HTML from a template, data for a script, a file to keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """HTML made from a template of the folder ``templates``.

    Templates get ``visit``, ``routes`` and ``title`` beside ``values``. A value that takes long is a
    function: what stands above its call is sent before, when the template says ``{{ sent }}`` there.

    Attributes
    ----------
    template
        Name of its file.
    title
        Of the page; empty for a fragment, which stands in another page.
    values
        What the template shows.
    status
        Of HTTP.
    headers
        Of HTTP, further ones.
    """

    template: str
    title: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Data:
    """Plain values for a script, sent as JSON: numbers that are not finite as null, fragments as HTML."""

    content: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep."""

    content: bytes
    name: str
    media_type: str


Reply = Page | Data | Download
