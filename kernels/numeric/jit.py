"""The one place where compilation is configured, and where compiled code is kept for the next process."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numba.core.config

# contract: fused multiply-add is one rounding instead of two; reassoc: sums may be split over vector lanes.
# Neither assumes anything about nan or inf, so guards such as `x != x` keep their meaning.
_FASTMATH = {"contract", "reassoc"}
# Its settings are made from the environment when numba starts, so no type checker sees them.
_SETTINGS: Any = numba.core.config


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on first call, keep the machine code on disk, and release the GIL while it runs.

    With the environment variable ``NUMBA_DISABLE_JIT=1`` the function stays plain Python: the same numbers
    up to rounding, slowly, but open to a debugger and to coverage.

    References to arrays are not counted in it: its caller holds them all the while, and counting took a fifth
    of an evaluation. So it must neither make an array nor return one, nor assign one to a part of another
    (``a[1:] = b`` makes a copy where the two overlap; use `kernels.numeric.rows`). Views are fine.
    `jit_making_arrays` is for functions that do.

    Kernels are called from Python and from each other: wrappers for C would only take time to compile.
    """
    return _jit(function, counts_references=False)


def jit_making_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as `jit` does, for functions that make arrays or return some; only such ones may call them.

    One that makes arrays for itself, and returns none, may be called by all.
    """
    return _jit(function, counts_references=True)


def _jit(function: Callable[..., Any], counts_references: bool) -> Callable[..., Any]:
    with _machine_code_kept():
        return numba.njit(  # type: ignore[call-overload]  # its stubs leave out the last two options
            cache=True,
            nogil=True,
            error_model="numpy",
            fastmath=_FASTMATH,
            no_cfunc_wrapper=True,
            _nrt=counts_references,
        )(function)


def jit_inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function into each of its callers: for steps of an inner loop that take several arrays.

    A call costs two atomic reference counts an array, and hides from the optimiser what the arrays hold.
    """
    return numba.njit(inline="always", nogil=True, error_model="numpy", fastmath=_FASTMATH)(function)


@contextmanager
def _machine_code_kept() -> Iterator[None]:
    """Point the cache of functions decorated inside to our folder; leave a choice of the user alone."""
    folder = machine_code_folder()
    if _SETTINGS.CACHE_DIR or folder is None:
        yield
        return
    _SETTINGS.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        _SETTINGS.CACHE_DIR = ""


def jit_enabled() -> bool:
    """Tell whether kernels are compiled in this process."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def cache_folder() -> Path:
    """Give the folder: ``$BEED_CACHE_DIR``, else ``$XDG_CACHE_HOME/beed``, else ``~/.cache/beed``."""
    own = os.environ.get("BEED_CACHE_DIR")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "beed"


@cache
def machine_code_folder() -> Path | None:
    """Give the folder for compiled kernels of this version of all sources; None where none can be made.

    Numba renews a function's machine code when its own file changes, not when a function it calls does: a
    folder for each state of all kernels together keeps callers from running code that is no more.
    """
    digest = hashlib.sha256()
    kernels = Path(__file__).parents[1]
    for source in sorted(kernels.rglob("*.py")):
        digest.update(str(source.relative_to(kernels)).encode() + b"\0" + source.read_bytes())
    version = Path("machine-code") / digest.hexdigest()[:16]
    return _made(cache_folder() / version) or _made(_own_temporary_folder() / version)


def _made(folder: Path) -> Path | None:
    """Make a folder; None when it cannot be made or written, or may hold what others have put there."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        owner = folder.parents[1].stat()
    except OSError:
        return None
    # Machine code is run as it is found: in a folder for everybody it must be our own.
    theirs = hasattr(os, "getuid") and owner.st_uid != os.getuid()
    return None if theirs and folder.is_relative_to(tempfile.gettempdir()) else folder


def _own_temporary_folder() -> Path:
    """Give a folder for this user among the temporary files of the computer."""
    return Path(tempfile.gettempdir()) / f"beed-{getattr(os, 'getuid', lambda: 0)()}"


def cache_note() -> str:
    """Say where compiled kernels are kept when the usual folder cannot be written; else nothing."""
    wanted, folder = cache_folder(), machine_code_folder()
    if _SETTINGS.CACHE_DIR or (folder is not None and folder.is_relative_to(wanted)):
        return ""
    kept = (
        f"in {folder.parents[1]}"
        if folder is not None
        else "nowhere, so every process compiles again (minutes)"
    )
    return (
        f"The folder {wanted} cannot be written: compiled code is kept {kept}. Set BEED_CACHE_DIR to a "
        "folder that can be written and stays."
    )
