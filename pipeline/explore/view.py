"""One sweep in one snapshot, with what has been computed of it for pages."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.results.result_store import ResultStore

_VERDICT = "model of the verdict"


class View:
    """One sweep in one snapshot: the same for all who look, so what is computed once is kept.

    Parameters
    ----------
    results
        The store, opened for the sweep.

    Attributes
    ----------
    results
        As given.
    """

    def __init__(self, results: "ResultStore") -> None:
        self.results = results
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Any]] = {}

    def once[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what ``make`` gave under this key; whoever asks while it is being made waits for it.

        An error is raised to all who wait, and forgotten.
        """
        with self._lock:
            kept = self._kept.get(key)
            mine = kept is None
            if kept is None:
                kept = self._kept[key] = Future()
        if mine:
            try:
                kept.set_result(make())
            except BaseException as error:
                with self._lock:
                    del self._kept[key]
                kept.set_exception(error)
        found: T = kept.result()
        return found

    @property
    def model(self) -> str | None:
        """The model of the verdict, once there is one: it takes long to reach in a large sweep."""
        with self._lock:
            kept = self._kept.get(_VERDICT)
        return kept.result() if kept is not None and kept.done() else None

    def verdict_is(self, model: str | None) -> None:
        """Remember the model of the verdict."""
        self.once(_VERDICT, lambda: model)
