"""A second process that compiles kernels beside this one.

Where nothing is compiled yet, the helper does the same work from the beginning: whoever comes to a kernel
first compiles it, into the same folder (`kernels.numeric.shared_code`), and whoever finds it claimed goes on
with one that will be called. The helper is told nothing and asked for nothing: without it, all is compiled
all the same.
"""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from kernels.numeric.claims import claim, release
from kernels.numeric.cores import usable_cores
from kernels.numeric.shared_code import compile_wanted, on_miss

_HELPING = "0"
"""Claimed by the process that helps: one for a folder is what there is work for."""
_LOOK = 0.02
"""Seconds between looks for what is wanted."""
_helpers: list[subprocess.Popen[bytes]] = []


@contextmanager
def helped(work: str) -> Iterator[None]:
    """Compile what is compiled inside with the help of another process.

    It is started by the first kernel that is not on disk. Nothing is started on one core, or where processes
    cannot keep out of each other's way. Contexts may be nested: the innermost is the last that is helped.

    Parameters
    ----------
    work
        ``"module:function"`` that compiles kernels, for the other process to call.
    """
    if not on_miss:
        on_miss.append(partial(_start, work))
    try:
        yield
    finally:
        on_miss.clear()
        while _helpers:
            _end(_helpers.pop())


def _start(work: str, folder: Path) -> None:
    """Start a process with our ways of importing; not the main script again, as multiprocessing would."""
    on_miss.clear()
    if usable_cores() < 2 or not sys.executable or not claim(folder, _HELPING):
        return
    release(folder, _HELPING)
    with suppress(OSError):  # no room for another process
        _helpers.append(
            subprocess.Popen(
                [sys.executable, "-P", "-c", f"from {__name__} import help_with; help_with()", folder, work],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()  # what it writes is written whole or not at all
    helper.wait()
    assert helper.stdin is not None
    helper.stdin.close()


def help_with() -> None:
    """Compile what is wanted until the process that started this one ends it, or is gone."""
    folder, work = Path(sys.argv[1]), sys.argv[2]
    # Ctrl-C reaches both; the other process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    if not claim(folder, _HELPING):
        return
    on_miss.append(lambda _: None)  # nobody helps the helper
    module, _, function = work.partition(":")
    with suppress(Exception):  # it is the other one that says what is wrong
        getattr(importlib.import_module(module), function)()
    while True:
        if not compile_wanted(folder):
            time.sleep(_LOOK)


def _end_with_the_other() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
