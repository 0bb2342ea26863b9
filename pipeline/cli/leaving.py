"""The end of the process: one place, and at once.

Without it one command in eighteen ended with exit code 139 (7 of 125), whatever it had done. Icechunk starts
threads when it is imported (a tokio runtime that is never shut down). They still run while the interpreter
takes itself apart, wake up, ask for its lock, are told to end, and unwind through Rust frames that cannot be
unwound. So what an interpreter does for its programs when it ends is done here, in its order, and then the
process is gone before anything is taken apart. Only the program `beed` ends like this; whoever calls the
library, or is a worker of dask, ends as Python ends.
"""

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from pipeline.errors import ExitCode


def run_and_leave(command: Callable[[], object]) -> NoReturn:
    """Run a command, then end this process with its exit code.

    Parameters
    ----------
    command
        Raises `SystemExit` with the code; a return is 0, any other exception is shown and is 1.
    """
    try:
        command()
        code: object = 0
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    leave(code)


def leave(code: object) -> NoReturn:
    """Run what was registered for the end (also by dask, logging, coverage), write out, and be gone.

    Parameters
    ----------
    code
        As `sys.exit` takes it: None is 0, what is no number is printed and is 1.
    """
    if code is not None and not isinstance(code, int):
        with suppress(Exception):
            print(code, file=sys.stderr)
        code = 1
    # Each of the steps may fail, and the next is done all the same.
    with suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are not daemons
    with suppress(Exception):
        atexit._run_exitfuncs()
    os._exit(_flushed(code or 0) & 0xFF)


def _flushed(code: int) -> int:
    """Write out what is still in buffers; returns the exit code, another one when output was lost."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read it has seen enough (`| head`)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        with suppress(Exception):
            print(f"beed: the output could not be written: {reason}.", file=sys.stderr)
        code = code or ExitCode.FAILURE
    with suppress(Exception):
        sys.stderr.flush()
    return code
