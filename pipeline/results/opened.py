"""What stands for results, and does not: the path of a store."""

from pathlib import Path

from pipeline.errors import QueryError


def require_opened(results: object) -> None:
    """Refuse the path of a store where the open store is asked for.

    Raises
    ------
    QueryError
        With how to open it.
    """
    if isinstance(results, str | Path):
        path = str(results)
        raise QueryError(f"Got the path {path!r}; expected an open store: beed.open_store({path!r}).")
