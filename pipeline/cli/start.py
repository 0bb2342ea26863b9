"""Where the program `beed` begins: signals first, then everything that takes time to import."""

import os
import signal
import sys

# Until `listen` is called Ctrl-C just ends the process, as there is nothing to keep. `pipeline/__init__.py`
# has done so before where the program is called `beed`.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from typing import NoReturn

from pipeline.cli.memory import limit_note, memory_sentence
from pipeline.signals import Stopped, listen


def main() -> NoReturn:
    """Run the command line of this process."""
    try:
        listen()
        _make_output_safe()
        if note := limit_note():
            os.write(2, f"{note}\n".encode())
        from pipeline.cli.app import main as run

        run()
    except Stopped as stopped:
        # While the first modules are imported, or the last handlers run: nothing is under way.
        os.write(2, f"beed: {stopped}\n".encode())
        os._exit(stopped.exit_code)
    except (MemoryError, ImportError, OSError) as error:  # of the first imports: `run` does not return
        if (sentence := memory_sentence(error)) is None:
            raise
        os.write(2, f"{sentence}\n".encode())
        os._exit(1)


def _make_output_safe() -> None:
    """Have a terminal that knows no Greek shown question marks instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
