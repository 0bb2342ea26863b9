"""Where the program `beed` begins: signals first, then everything that takes time to import."""

import os
import sys
from typing import NoReturn

from pipeline.signals import Stopped, listen


def main() -> NoReturn:
    """Run the command line of this process."""
    try:
        listen()
        _make_output_safe()
        from pipeline.cli.app import main as run

        run()
    except Stopped as stopped:
        # While the first modules are imported, or the last handlers run: nothing is under way.
        os.write(2, f"beed: {stopped}\n".encode())
        os._exit(stopped.exit_code)


def _make_output_safe() -> None:
    """Have a terminal that knows no Greek shown question marks instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
