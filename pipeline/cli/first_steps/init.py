"""The command init: from a table to a study. Heavy imports wait until it runs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.first_steps.writing import Force, refuse_files, write_study


def init(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="The table: CSV, Parquet or Excel; path or URL.")
    ],
    market: Annotated[str | None, typer.Option(help="Column that names the market.")] = None,
    firm: Annotated[str | None, typer.Option(help="Column that names the firm, brand or shop.")] = None,
    time: Annotated[str | None, typer.Option(help="Column that gives the period.")] = None,
    sales: Annotated[str | None, typer.Option(help="Column of the firm's sales in the period.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to write the study.")
    ] = Path("study.yaml"),
    force: Force = False,
) -> None:
    """Write a study for a table: guess what its columns mean, say why, and ask only for the rest."""
    from pipeline.proposing.wishes import Wishes

    refuse_files([output], force)
    ask = _choose if sys.stdin.isatty() and sys.stdout.isatty() else None
    proposal = write_study(data, output, Wishes(market, firm, time, sales, sheet, ask))
    for sentence in proposal.sentences:
        print(f"  {sentence}")
    needed = f"about {proposal.seconds:.0f} s (besides compiling, once)"
    print(f"\nWrote {output}, which runs in {needed}. Read it, then:")
    for line in (f"beed check {output}", f"beed run {output}"):
        print(f"  {line}")


def _choose(question: str, choices: Sequence[str]) -> str:
    """Ask on the terminal for one of some answers, by number or by name."""
    print(question)
    for number, choice in enumerate(choices, 1):
        print(f"  {number}  {choice}")
    while True:
        answer = str(typer.prompt("Number or name"))
        if answer in choices:
            return answer
        if answer.isdigit() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1]
