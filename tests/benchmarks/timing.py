"""Measuring: processor time, best of several repetitions, because all else a machine does only ever adds.

Processor time counts every thread, so a library that spreads its work over cores gains nothing by it here.
"""

import time


def timed(function):
    """Run a function once; return its processor seconds and its result."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def best_of(function, repetitions=5):
    """Run a function several times; return the fewest processor seconds it took."""
    return min(timed(function)[0] for _ in range(repetitions))
