"""From one YAML study to calibrated markets in a store that can be asked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.query import ResultStore, open_store

__all__ = ["ResultStore", "open_store"]


def __getattr__(name: str) -> Any:
    # The libraries behind a store take most of a second to import; `beed --help` must not wait for them.
    if name in __all__:
        from pipeline import query

        return getattr(query, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
