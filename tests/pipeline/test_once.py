"""What is kept is computed once, also for those who ask meanwhile; what went wrong is not kept."""

import threading
import time

import pytest

from pipeline.once import Kept


def test_those_who_ask_meanwhile_wait_for_the_first():
    kept, made, found = Kept(), [], []

    def make():
        made.append(threading.current_thread())
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: found.append(kept.once("a", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(found) == 5
    assert len(set(found)) == 1
    assert kept.found("a") is found[0]
    assert kept.found("b") is None


def test_an_error_is_raised_and_forgotten():
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.once("a", lambda: 1 // 0)
    assert kept.once("a", lambda: 2) == 2


def test_the_oldest_are_forgotten():
    kept, made = Kept(2), []
    for key in "abaca":
        kept.once(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c"]
    kept.once("b", lambda: made.append("b"))
    assert made == ["a", "b", "c", "b"]
