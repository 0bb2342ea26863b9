"""A process that gets no memory says so."""

import subprocess
import sys

import pytest
from places import ROOT

from pipeline.cli.memory import ENOUGH, memory_sentence


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 298. GiB"),
        ImportError("index.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_exceptions_for_want_of_memory_are_one_sentence(error):
    assert memory_sentence(error).startswith("beed: out of memory. Raise the limit")


def test_other_exceptions_are_left_alone():
    assert memory_sentence(ImportError("No module named x")) is None
    assert memory_sentence(KeyError("x")) is None


def test_a_limit_too_small_for_the_imports_ends_in_sentences():
    body = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, (300_000_000, {ENOUGH})); "
        "import sys; sys.argv = ['beed', 'check', 'none.yaml']; "
        "from pipeline.cli.start import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("beed: note: this process may use 0.3 GB of address space")
    assert "beed: " in done.stderr.splitlines()[-1]
    assert done.returncode != 0
