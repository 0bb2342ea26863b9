"""The store that is looked at, and the states of it that pages are made from."""

import secrets

from pipeline.explore.progress import ProgressCounter
from pipeline.explore.sql.asking import Asker
from pipeline.explore.view import View
from pipeline.once import Kept
from pipeline.results.result_store import ResultStore
from pipeline.store.store import Store

_KEPT_VIEWS = 4
"""Snapshots and sweeps whose answers are kept; a running sweep makes a snapshot every few seconds."""


class Explorer:
    """A store opened for pages.

    Parameters
    ----------
    store
        What is looked at; read only.
    sweep
        Name of a sweep or study that pages are about where their address names none; None: the newest.

    Attributes
    ----------
    store
        As given.
    token
        What a visitor has to know: made anew for each explorer.
    progress
        Counts what is done.
    asker
        Asks SQL.
    """

    def __init__(self, store: Store, *, sweep: str | None = None) -> None:
        self.store = store
        self.token = secrets.token_urlsafe(24)
        self.progress = ProgressCounter()
        self.asker = Asker()
        self._sweep = sweep
        self._codes: set[str] = set()
        self._views, self._pinned = Kept(_KEPT_VIEWS), Kept(_KEPT_VIEWS)

    def view(self, sweep: str | None = None, snapshot: str | None = None) -> View:
        """Give a sweep in a snapshot: the newest where none is named.

        Raises
        ------
        StoreError
            No such sweep or snapshot, or it cannot be read.
        """
        if snapshot is None:
            return self._open(sweep, None)
        # What an address pins does not change, and need not be opened again to find out what it is.
        return self._pinned.once((sweep, snapshot), lambda: self._open(sweep, snapshot))

    def _open(self, sweep: str | None, snapshot: str | None) -> View:
        results = ResultStore(self.store, sweep=sweep or self._sweep, snapshot=snapshot)
        key = (results.sweep.name if results.models else None, results.snapshot)
        return self._views.once(key, lambda: View(results))

    def one_time_code(self) -> str:
        """Make a code that stands for the token once: others on a computer see how programs were started."""
        code = secrets.token_urlsafe(24)
        self._codes.add(code)
        return code

    def admits(self, token: str) -> bool:
        """Tell whether this is the token, or a code that nobody has used yet."""
        given = token.encode()
        if secrets.compare_digest(given, self.token.encode()):
            return True
        for code in tuple(self._codes):
            if secrets.compare_digest(given, code.encode()):
                self._codes.discard(code)
                return True
        return False
