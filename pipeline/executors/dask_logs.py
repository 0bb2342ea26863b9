"""What dask logs while it works goes into a file, which is named at the end when there is something in it.

Workers that die and come back, heartbeats that come late under load, connections closed on the way out:
all of it is dealt with here, and none of it is news for somebody whose run is fine. When one is not,
it is needed.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask

_LOGGERS = ("distributed", "tornado", "bokeh", "asyncio", "py.warnings")
_FORMAT = "%(asctime)s %(process)d %(name)s %(levelname)s: %(message)s"
_ENVIRONMENT = "distributed.nanny.pre-spawn-environ"


@contextmanager
def logs_in_file(note: Callable[[str], object], *, workers: bool = True) -> Iterator[Path]:
    """Send dask's warnings and errors, also those of worker processes started here, to a file until the end.

    Parameters
    ----------
    note
        Told where the file is, when something was written; otherwise the file is deleted.
    workers
        Whether workers write to it. Those of other computers cannot, and an ssh cluster waits for what they
        print to know that they are there.
    """
    descriptor, name = tempfile.mkstemp(prefix="beed-dask-", suffix=".log")
    os.close(descriptor)
    path = Path(name)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(_FORMAT))
    before = {name: _take_over(name, handler) for name in _LOGGERS}
    # Worker processes set their loggers up while they import dask, from their environment.
    logging_here = {"DASK_LOGGING": repr(_worker_logging(path))} if workers else {}
    environment = dask.config.get(_ENVIRONMENT, {}) | logging_here
    try:
        with dask.config.set({_ENVIRONMENT: environment}):
            yield path
    finally:
        for name, (handlers, propagate, level) in before.items():
            logger = logging.getLogger(name)
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        handler.close()
        with suppress(OSError):
            if path.stat().st_size:
                note(f"What dask reported on the way is in {path}.")
            else:
                path.unlink()


def _take_over(name: str, handler: logging.Handler) -> tuple[list[logging.Handler], bool, int]:
    logger = logging.getLogger(name)
    before = list(logger.handlers), logger.propagate, logger.level
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.WARNING)
    return before


def _worker_logging(path: Path) -> dict[str, Any]:
    """Give the same to worker processes, in the words of `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": _FORMAT}},
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(path), "formatter": "line"}},
        "loggers": {
            name: {"handlers": ["file"], "level": "WARNING", "propagate": False} for name in _LOGGERS
        },
    }
