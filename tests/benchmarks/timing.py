"""Measuring: best of several repetitions, because everything else a machine does only ever adds time."""

import time


def best_of(function, repetitions=5):
    """Run a function several times; return its fastest time in seconds."""
    best = float("inf")
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def in_microseconds(seconds):
    return f"{seconds * 1e6:.1f} us"
