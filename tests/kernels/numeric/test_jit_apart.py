"""Functions called by their address: from disk, after a change, from threads, with errors, without leaks."""

import os
import subprocess
import sys

import pytest

from kernels.numeric.jit import jit_enabled
from kernels.numeric.jit_apart import jit_apart

FAR = """
import numpy as np
from kernels.numeric.jit_apart import jit_apart

@jit_apart("float64")
def weigh(values, factor):
    if factor < 0.0:
        raise ValueError("negative")
    total = 0.0
    for value in values:
        total += factor * value
    return total

@jit_apart(makes_arrays=True)
def double(values):
    return values, 2.0 * values

@jit_apart("int64")
def never_called(values):
    return values.no_such_thing

@jit_apart("int64")
def says_too_much(values):
    return values[0]
"""
NEAR = """
from kernels.numeric.jit import jit, jit_making_arrays
from far import double, never_called, says_too_much, weigh

@jit
def weigh_all(values, kind):
    if kind == 0:
        return weigh(values, 1)
    if kind == 1:
        return weigh(values, -1.0)
    if kind == 2:
        return 1.0 * never_called(values)
    return 1.0 * says_too_much(values)

@jit_making_arrays
def sum_of_double(values, kind):
    same, doubled = double(values)
    return weigh_all(doubled if kind < 2 else same, kind)
"""
CHECK = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, psutil
import far
from near import sum_of_double
values = np.ones(3)
with ThreadPoolExecutor(4) as threads:
    print(set(threads.map(lambda _: sum_of_double(values, 0), range(40))))
for kind in 1, 2, 3:
    try:
        print(sum_of_double(values, kind))
    except Exception as error:
        print(type(error).__name__, error)

class Interrupted:
    def compile(self, arguments):
        raise KeyboardInterrupt

compiled = sum_of_double, far.weigh.compiled, far.double.compiled
far.never_called.compiled = Interrupted()
try:
    sum_of_double(values, 2)
except KeyboardInterrupt:
    print("interrupted")
values = np.ones(1000)
references = sys.getrefcount(values)
before = psutil.Process().memory_info().rss
for _ in range(50_000):
    sum_of_double(values, 0)
print(sys.getrefcount(values) - references, psutil.Process().memory_info().rss - before < 2**25)
print(sum(sum(function.stats.cache_misses.values()) for function in compiled))
"""


def run(folder):
    """Run `CHECK` in a process of its own; return the lines it prints, and errors."""
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "BEED_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines(), done.stderr


@pytest.mark.skipif(not jit_enabled(), reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
def test_calls_by_address_from_disk_and_after_a_change(tmp_path):
    (tmp_path / "far.py").write_text(FAR)
    (tmp_path / "near.py").write_text(NEAR)
    lines, errors = run(tmp_path)
    assert lines[:2] == ["{6.0}", "ValueError negative"]
    assert lines[2].startswith("RuntimeError The kernel never_called could not be compiled")
    assert "Unknown attribute 'no_such_thing'" in errors
    assert "says_too_much is said to return int64; it returns float64" in errors
    assert lines[-3:] == ["interrupted", "0 True", "4"], "no array is kept, and all were compiled"

    warm, _ = run(tmp_path)
    assert warm == [*lines[:-1], "0"], "all come from disk"

    (tmp_path / "far.py").write_text(FAR.replace("factor * value", "10.0 * factor * value"))
    changed, _ = run(tmp_path)
    assert changed == ["{60.0}", *lines[1:-1], "3"], "the caller comes from disk, and calls the new code"


def test_without_compilation_it_is_the_function_itself(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert jit_apart("none")(run) is run
