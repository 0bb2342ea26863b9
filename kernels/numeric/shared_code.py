"""Machine code that processes share while they compile it: none compiles what another one is compiling.

numba keeps the versions of a kernel (one for each types of arguments) under numbers that one index gives out:
two processes that save versions of the same kernel at once can give both the same number, and later run one
with the arguments of the other. Here each version has an index and a file of its own, both replaced whole.

A process claims a version before it compiles it. One that finds it claimed compiles something else that is
wanted, or waits. Kernels call each other without circles, and a process holds claims only along one chain of
calls: nobody waits for itself.
"""

import gc
import hashlib
import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from numba.core import sigutils
from numba.core.caching import IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock

from kernels.numeric.claims import claim, release

_LOOK = 0.02
"""Seconds between looks at a version that another process compiles."""
_PATIENCE = 300.0
"""Seconds after which it is compiled here as well: the other process may have been stopped."""
on_miss: list[Callable[[Path], object]] = []
"""Called with the folder before a version that is not on disk is compiled."""


class _FilePairs(IndexDataCacheFile):
    """Give every version of a kernel an index and a file of its own."""

    def of(self, key: Any) -> IndexDataCacheFile:
        # The name of a type says what code it needs; where two have one name, the index holds which it was.
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        base = f"{self._index_name.removesuffix('.nbi')}-{digest}"
        return IndexDataCacheFile(self._cache_path, base, self._source_stamp)

    def save(self, key: Any, data: Any) -> None:
        self.of(key).save(key, data)

    def load(self, key: Any) -> Any:
        return self.of(key).load(key)


class Version:
    """A kernel for some types of arguments, as it lies on disk, or will.

    What is used of numba's caches here has no public name.

    Parameters
    ----------
    kernel
        Dispatcher that `share` was called with.
    arguments
        Types of its arguments.
    """

    def __init__(self, kernel: Any, arguments: Any) -> None:
        kept = kernel._cache
        files = kept._cache_file.of(kept._index_key(arguments, kernel.targetctx.codegen()))
        self.folder = Path(kept.cache_path).parent
        self.file = Path(files._data_path(files._data_name(1)))
        # Small enough for a place in a file.
        self.part = hashlib.sha256(str(self.file.relative_to(self.folder)).encode()).hexdigest()[:14]
        # Longer functions take longer: they are best begun first.
        self.note = self.folder / "wanted" / f"{len(kernel.py_func.__code__.co_code):06d}-{self.part}"

    def on_disk(self) -> bool:
        """Tell whether it was compiled and saved: its file is written last."""
        return self.file.exists()


def share(kernel: Any) -> None:
    """Let a dispatcher of numba, whose cache is on, claim what it compiles, and keep versions apart."""
    kept = kernel._cache
    kept._cache_file = _FilePairs(
        kept.cache_path, kept._impl.filename_base, kept._impl.locator.get_source_stamp()
    )
    kernel.compile = partial(_compile, kernel, kernel.compile)


_depth = 0
"""How many compilations this process is within; guarded by numba's lock."""


def _compile(kernel: Any, compile_here: Callable[[Any], Any], types: Any) -> Any:
    """Compile, or load, a version: by ourselves, or by waiting until another process has."""
    # Numba's lock first: a thread that held a claim and waited for it could be waited for by its holder.
    with global_compiler_lock:
        arguments, _ = sigutils.normalize_signature(types)
        if tuple(arguments) in kernel.overloads:
            return compile_here(types)
        with _claimed(Version(kernel, types)):
            return compile_here(types)


@contextmanager
def _claimed(version: Version) -> Iterator[None]:
    """Hold a version that is not on disk yet; come back when it is there, or is ours to compile."""
    global _depth
    missed = not version.on_disk()
    ours = missed and _wait_for(version)
    _depth += 1
    try:
        with _little_garbage_collection() if missed and _depth == 1 else nullcontext():
            yield
    finally:
        _depth -= 1
        if ours:
            _done(version.folder, version.part, version.note)


@contextmanager
def _little_garbage_collection() -> Iterator[None]:
    """Look for garbage less often: a fifth of a compilation goes into looking at what is none."""
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def _wait_for(version: Version) -> bool:
    """Wait until a version is on disk, or is ours; tell whether it was claimed."""
    for call in tuple(on_miss):
        call(version.folder)
    until = time.monotonic() + _PATIENCE
    while (ours := claim(version.folder, version.part)) is False:
        if version.on_disk() or time.monotonic() > until:
            break
        # Within a compilation another one could come to need what the outer one is still making.
        if _depth or not compile_wanted(version.folder):
            time.sleep(_LOOK)
    return bool(ours)


def _done(folder: Path, part: str, note: Path) -> None:
    release(folder, part)
    with suppress(OSError):  # not there, or no longer ours to remove
        note.unlink()


def want(function: Any, arguments: Any) -> None:
    """Leave a note that a version of a function of `jit_apart` will be called: any process may compile it."""
    shared = isinstance(getattr(function.compiled._cache, "_cache_file", None), _FilePairs)
    if not shared or arguments in function.compiled.overloads:
        return
    version = Version(function.compiled, arguments)
    # A function that cannot be named, or a full disk: it is compiled when it is called.
    with suppress(OSError, pickle.PicklingError):
        if not version.on_disk() and not version.note.exists():
            text = pickle.dumps((function, arguments))
            version.note.parent.mkdir(exist_ok=True)
            unfinished = version.note.with_name(f".{version.note.name}-{os.getpid()}")
            unfinished.write_bytes(text)
            unfinished.replace(version.note)


def compile_wanted(folder: Path) -> bool:
    """Compile the longest version that is wanted and that nobody compiles; tell whether there was one."""
    for note in sorted((folder / "wanted").glob("[0-9]*-*"), reverse=True):
        part = note.name.partition("-")[2]
        if not claim(folder, part):
            continue
        try:
            function, arguments = pickle.loads(note.read_bytes())
            function.compiled.compile(arguments)
        except FileNotFoundError:  # compiled since we looked
            continue
        except Exception:
            continue
        finally:
            _done(folder, part, note)
        return True
    return False
