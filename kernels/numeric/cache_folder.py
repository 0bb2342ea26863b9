"""Where kernels keep what should not be computed again by the next process."""

import hashlib
import os
from functools import cache
from pathlib import Path


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
    folder = cache_folder() / "machine-code" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
