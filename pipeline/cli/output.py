"""Tables on the standard output, for people and for programs."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.results.frames.table import Table


def print_formatted(table: "Table", style: str, *, spreadsheet_safe: bool = False) -> None:
    """Write a table to the standard output: aligned text, CSV, JSON, or the bytes of Parquet.

    Parameters
    ----------
    table, style, spreadsheet_safe
        As in `pipeline.results.frames.formats.format_table`.

    Raises
    ------
    QueryError
        An unknown style.
    """
    from pipeline.results.frames.formats import format_table

    text = format_table(table, style, spreadsheet_safe=spreadsheet_safe)
    if style == "table":
        print(str(text).removesuffix("\n"))
        return
    _write(text if isinstance(text, bytes) else f"{text.removesuffix('\n')}\n".encode())


def print_json(text: str) -> None:
    """Write a JSON document to the standard output."""
    _write(f"{text}\n".encode())


def _write(data: bytes) -> None:
    # For programs, so in UTF-8 whatever the terminal shows: a question mark in place of γ would be a loss.
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def announce_compiling(*kernels: str) -> None:
    """Say on the standard error that kernels will be compiled, where no machine code of them is kept."""
    from kernels.numeric.jit import jit_enabled, machine_code_folder

    folder = machine_code_folder()
    if folder is None or not jit_enabled() or os.environ.get("NUMBA_CACHE_DIR"):
        return
    if not all(any(folder.rglob(f"*.{kernel}-*.nbi")) for kernel in kernels):
        print("Compiling code for this question, once: up to a minute.", file=sys.stderr, flush=True)


def output_is_lost() -> str | None:
    """Say why the standard output cannot be written, if so; what was on its way there is then given up."""
    try:
        sys.stdout.flush()
        # What could not be written was dropped from the buffer: only another write tells.
        os.write(sys.stdout.fileno(), b"\n")
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error.strerror
    return None
