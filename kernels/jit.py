"""The one place where compilation is configured."""

import os
from collections.abc import Callable
from typing import Any

import numba

# contract: fused multiply-add is one rounding instead of two; reassoc: sums may be split over vector lanes.
# Neither assumes anything about nan or inf, so guards such as `x != x` keep their meaning.
_FASTMATH = {"contract", "reassoc"}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on first call, keep the machine code on disk, and release the GIL while it runs.

    With the environment variable ``NUMBA_DISABLE_JIT=1`` the function stays plain Python: the same numbers
    up to rounding, slowly, but open to a debugger and to coverage.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FASTMATH)(function)


def jit_enabled() -> bool:
    """Tell whether kernels are compiled in this process."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
