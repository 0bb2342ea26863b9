"""What a page is asked for: the store, its state, and the query of the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup

if TYPE_CHECKING:
    from pipeline.explore.explorer import Explorer
    from pipeline.explore.view import View

#: Keys of an address that say which state of which sweep a page is about; links of a page keep them.
STATE = ("sweep", "snapshot")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.

    Attributes
    ----------
    explorer
        The store that is looked at.
    view
        The sweep and snapshot that the address names.
    path
        Of the page: ``/markets``.
    query
        What follows it in the address; of a key that comes twice the last one.
    """

    explorer: "Explorer"
    view: "View"
    path: str
    query: Mapping[str, str]

    def link(self, path: str | None = None, **changes: Any) -> str:
        """Write an address.

        Parameters
        ----------
        path
            Of another page, about the same state of the same sweep; None: of this page, with its whole query.
        **changes
            Further keys; None leaves one out.
        """
        kept = {key: value for key, value in self.query.items() if path is None or key in STATE}
        asked = {key: value for key, value in {**kept, **changes}.items() if value not in (None, "")}
        return f"{path or self.path}?{urlencode(asked)}" if asked else path or self.path

    def hidden(self, *keys: str) -> Markup:
        """Write fields that keep the state of the address, and further keys of it, in a form."""
        field = Markup('<input type="hidden" name="{}" value="{}">')
        kept = [key for key in (*STATE, *keys) if self.query.get(key)]
        return Markup("").join(field.format(key, self.query[key]) for key in kept)
