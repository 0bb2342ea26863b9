"""What every worker process does before its first job, whatever the engine."""

import importlib
from typing import Any

from threadpoolctl import threadpool_limits


def one_blas_thread() -> Any:
    """Hold the linear algebra library to one thread.

    With more, workers would fight for the cores, and sums split over threads differ in their last bits from
    computer to computer.

    Returns
    -------
    threadpoolctl.threadpool_limits
        In force from the call on; as a context manager, until its end.
    """
    return threadpool_limits(limits=1, user_api="blas")


def call_by_name(name: str) -> Any:
    """Import and call ``"module:function"``.

    Parameters
    ----------
    name
        E.g. ``"pipeline.fitting.calibrate:warm"``.
    """
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)()
