"""Answers on the standard output, for people and for programs."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.results.frames.table import Table


def print_answer(
    style: str,
    show: "Callable[[Console], None]",
    table: "Callable[[], Table]",
    *,
    spreadsheet_safe: bool = False,
) -> None:
    """Print an answer that has a table: in words for people, flat for programs.

    Parameters
    ----------
    style
        As in `pipeline.results.frames.formats.format_table`; ``table`` is for people.
    show
        Prints it for people.
    table
        Gives all of it as one table.
    spreadsheet_safe
        As there.

    Raises
    ------
    QueryError
        An unknown style.
    """
    if style == "table":
        show(console_for(style))
    else:
        print_formatted(table(), style, spreadsheet_safe=spreadsheet_safe)


def print_facts(style: str, show: "Callable[[Console], None]", facts: Callable[[], Any]) -> None:
    """Print an answer that is no table: in words for people, or all of it as JSON.

    Parameters
    ----------
    style
        ``table`` is for people, else ``json``.
    show
        Prints it for people.
    facts
        Gives it as what `pipeline.results.frames.json_text.plain` takes.
    """
    if style == "table":
        show(console_for(style))
    else:
        print_json(facts())


def console_for(style: str) -> "Console":
    """Make a console for what is said on the way: beside the answer when a program reads that."""
    from pipeline.reporting.console.printing import make_console

    return make_console(stderr=style != "table")


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


def print_json(content: Any) -> None:
    """Write plain values, or what `pipeline.results.frames.json_text.plain` makes such, as JSON."""
    from pipeline.results.frames.json_text import json_text

    _write(f"{json_text(content)}\n".encode())


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
