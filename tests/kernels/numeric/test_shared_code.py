"""Kernels that processes compile at once into one folder: none twice, none wrong, nobody waits in vain."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from kernels.numeric import jit_helper, shared_code
from kernels.numeric.claims import claim, release
from kernels.numeric.cores import usable_cores
from kernels.numeric.jit import jit_enabled

pytestmark = pytest.mark.skipif(not jit_enabled(), reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
TOY = """
import os, pathlib, signal, time
import numpy as np
from kernels.numeric.claims import claim
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.shared_code import Version

@jit_apart("float64")
def inner(values):
    return 2.0 * values[0]

@jit_apart("float64")
def long_inner(values):
    total = 0.0
    for value in values:
        total += value
    return total * 3.0

@jit_apart("float64", rare=True)
def rare(values):
    return 7.0

@jit
def outer(values, kind):
    if kind == 0:
        return inner(values) + long_inner(values)
    return rare(values)

KERNELS = inner.compiled, long_inner.compiled, rare.compiled, outer
WANTED = pathlib.Path(outer._cache.cache_path).parent / "wanted"
HELD = WANTED.with_name("held")

def missed():
    return [sum(kernel.stats.cache_misses.values()) for kernel in KERNELS]

def work():
    outer.compile(tuple(map(outer.typeof_pyval, (np.ones(3), 0))))

def stay():
    HELD.touch()
    time.sleep(60)

def die():
    for kernel in KERNELS[:2]:
        version = Version(kernel, tuple(map(outer.typeof_pyval, (np.ones(3),))))
        assert claim(version.folder, version.part)
    HELD.touch()
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""
SCRIPT = """
import sys, time
import numpy as np
import toy
from kernels.numeric import jit_helper

if __name__ != "__main__":
    raise SystemExit("the script is run again")

def wait(until, seconds=60):
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        time.sleep(0.01)

helper = None
with jit_helper.helped(f"toy:{sys.argv[1]}"):
    toy.work()
    if jit_helper._helpers:
        (helper,) = jit_helper._helpers
        print(helper.pid, flush=True)
        if sys.argv[1] == "work":
            wait(lambda: helper.poll() is not None or not any(toy.WANTED.iterdir()))
        else:
            wait(toy.HELD.exists)
    print(toy.outer(np.ones(3), 0), toy.outer(np.ones(3), 1), *toy.missed(), flush=True)
    if sys.argv[1] == "stay":
        time.sleep(60)
print("no helper" if helper is None else f"helper {helper.returncode}")
"""


def start(folder, work):
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "BEED_CACHE_DIR": str(folder / "cache")}
    environment.pop("NUMBA_CACHE_DIR", None)
    for name, text in (("toy.py", TOY), ("script.py", SCRIPT)):
        (folder / name).write_text(text)
    return subprocess.Popen(
        [sys.executable, str(folder / "script.py"), work],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """Wait for a process; give what it prints."""
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return out.splitlines()


@pytest.mark.skipif(usable_cores() < 2, reason="nobody helps on one core")
def test_processes_share_what_they_compile_and_start_one_helper_and_none_when_all_is_there(tmp_path):
    _, results, end = ended(start(tmp_path, "work"))
    assert results == "11.0 7.0 0 0 1 1", "what is wanted was compiled by the helper, but for what is rare"
    assert end == "helper -9", "it was ended"
    assert ended(start(tmp_path, "work")) == ["11.0 7.0 0 0 0 0", "no helper"]


@pytest.mark.skipif(usable_cores() < 2, reason="nobody helps on one core")
def test_helper_that_dies_leaves_the_work_to_the_others(tmp_path):
    _, results, end = ended(start(tmp_path, "die"))
    assert results == "11.0 7.0 1 1 1 1"
    assert end == "helper -9"


@pytest.mark.skipif(usable_cores() < 2, reason="nobody helps on one core")
def test_helper_ends_with_who_started_it(tmp_path):
    process = start(tmp_path, "stay")
    helper = psutil.Process(int(process.stdout.readline()))
    while not list(tmp_path.rglob("held")) and helper.is_running():
        time.sleep(0.01)
    helper.send_signal(signal.SIGINT)  # Ctrl-C is for the other one
    assert process.stdout.readline() == "11.0 7.0 1 1 1 1\n"
    assert helper.is_running()
    process.kill()
    process.communicate()
    helper.wait(10)


def test_versions_saved_at_the_same_moment_are_kept_apart(tmp_path, monkeypatch):
    one, other = (shared_code._FilePairs(str(tmp_path), "toy.f-1.py3", "stamp") for _ in range(2))
    save_index = shared_code.IndexDataCacheFile._save_index

    def save_in_between(self, overloads):
        monkeypatch.setattr(shared_code.IndexDataCacheFile, "_save_index", save_index)
        other.save(("int64",), "code for int64")
        save_index(self, overloads)

    monkeypatch.setattr(shared_code.IndexDataCacheFile, "_save_index", save_in_between)
    one.save(("float64",), "code for float64")
    for files in one, other:
        assert [files.load((name,)) for name in ("float64", "int64", "bool")] == [
            "code for float64",
            "code for int64",
            None,
        ]


def test_a_claim_is_of_one_process(tmp_path):
    ask = "import sys, pathlib, kernels.numeric.claims as c; print(c.claim(pathlib.Path(sys.argv[1]), 'ff'))"
    command = [sys.executable, "-c", ask, tmp_path]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert claim(tmp_path, "ff")
    assert claim(tmp_path, "fe")
    assert subprocess.check_output(command, env=path) == b"False\n"
    release(tmp_path, "ff")
    assert subprocess.check_output(command, env=path) == b"True\n"
    assert claim(tmp_path, "ff"), "who had it is gone"
    assert claim(tmp_path / "not there", "ff") is None


@pytest.mark.parametrize(("cores", "program"), [(1, sys.executable), (2, "")])
def test_nothing_is_started_on_one_core_or_without_a_program(tmp_path, monkeypatch, cores, program):
    monkeypatch.setattr(jit_helper, "usable_cores", lambda: cores)
    monkeypatch.setattr(sys, "executable", program)
    with jit_helper.helped("toy:work"):
        assert len(shared_code.on_miss) == 1
        for call in tuple(shared_code.on_miss):
            call(tmp_path)
        assert jit_helper._helpers == []
    assert shared_code.on_miss == []
