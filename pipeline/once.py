"""What is computed once and kept, also where several threads ask for it at the same time."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any


class Kept:
    """Answers by key, each computed when it is first asked for.

    Parameters
    ----------
    most
        So many are kept, those that were asked for last; None: all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def once[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what ``make`` gave under this key; whoever asks while it is being made waits for it.

        An error is raised to all who wait, and forgotten.
        """
        with self._lock:
            answer = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
            self._answers.move_to_end(key)
            while self._most is not None and len(self._answers) > self._most:
                self._answers.popitem(last=False)
        if mine:
            try:
                answer.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._answers.pop(key, None)
                answer.set_exception(error)
        found: T = answer.result()
        return found

    def found(self, key: Hashable) -> Any:
        """Give the answer under a key if there is one by now, else None."""
        with self._lock:
            answer = self._answers.get(key)
        return answer.result() if answer is not None and answer.done() else None
