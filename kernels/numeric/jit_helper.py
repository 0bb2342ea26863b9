"""A second process that compiles kernels beside this one.

Where nothing is compiled yet, a process that compiles kernel after kernel leaves notes of those that it will
call (`kernels.numeric.shared_code`); the helper compiles them in the meantime, into the same folder. It is
given nothing to do and asked for nothing: without it, all is compiled all the same.
"""

import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernels.numeric import shared_code
from kernels.numeric.claims import claim, release
from kernels.numeric.jit import jit_enabled

_HELPING = "0"
"""Claimed by the process that helps: one for a folder is what there is work for."""
_LOOK = 0.02
"""Seconds between looks for notes."""


@contextmanager
def helped(module: str) -> Iterator[None]:
    """Compile what is compiled inside with the help of another process.

    It is started by the first kernel that is not on disk, and has ended when the context has. Nothing is
    started where processes cannot keep out of each other's way.

    Parameters
    ----------
    module
        What imports the kernels: to be loaded while there is nothing to compile.
    """
    helpers: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> None:
        if not helpers and claim(folder, _HELPING):
            release(folder, _HELPING)
            helpers.append(_started(folder, module))

    if not jit_enabled() or not sys.executable:
        yield
        return
    shared_code.on_miss.append(start)
    try:
        yield
    finally:
        shared_code.on_miss.remove(start)
        for helper in helpers:
            _end(helper)


def _started(folder: Path, module: str) -> subprocess.Popen[bytes]:
    """Start a process with our ways of importing; not the main script again, as multiprocessing would."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import help_with; help_with()", str(folder), module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()  # whatever it writes is written whole or not at all
    helper.wait()
    assert helper.stdin is not None
    helper.stdin.close()


def help_with() -> None:
    """Compile what is wanted until the process that started this one is gone."""
    folder, module = Path(sys.argv[1]), sys.argv[2]
    # Ctrl-C reaches both; the other process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    if claim(folder, _HELPING):
        importlib.import_module(module)
        with little_garbage_collection():
            while True:
                if not shared_code.compile_wanted(folder):
                    time.sleep(_LOOK)


def _end_with_the_other() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


@contextmanager
def little_garbage_collection() -> Iterator[None]:
    """Look for garbage less often: a fifth of a compilation goes into looking at what is none."""
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
