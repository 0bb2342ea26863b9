"""The command init: from a table to a study. Heavy imports wait until it runs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.first_steps.writing import Force, refuse_files, write_study
from pipeline.cli.options import PlainFormat
from pipeline.cli.output import print_facts

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.proposing.propose import Proposal


def init(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="The table: CSV, Parquet, Excel, netCDF or zarr; path or URL."),
    ],
    market: Annotated[str | None, typer.Option(help="Column that names the market.")] = None,
    firm: Annotated[str | None, typer.Option(help="Column that names the firm, brand or shop.")] = None,
    time: Annotated[str | None, typer.Option(help="Column that gives the period.")] = None,
    sales: Annotated[str | None, typer.Option(help="Column of the firm's sales in the period.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a CSV file: cp1252, cp1251, ...; by default found out.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Where to write the study.")
    ] = Path("study.yaml"),
    force: Force = False,
    style: PlainFormat = "table",
) -> None:
    """Write a study for a table: guess what its columns mean, say why, and ask only for the rest."""
    from pipeline.proposing.wishes import Wishes

    refuse_files([output], force)
    asks = style == "table" and sys.stdin.isatty() and sys.stdout.isatty()
    ask = _choose if asks else None
    proposal = write_study(data, output, Wishes(market, firm, time, sales, sheet, encoding, ask))
    facts = {"study": output, "sentences": proposal.sentences, "duration": proposal.duration}
    print_facts(style, lambda console: _show(console, proposal, output), lambda: facts)


def _show(console: "Console", proposal: "Proposal", output: Path) -> None:
    from pipeline.reporting.console.printing import print_line

    needed = f"about {proposal.duration} (besides start, and compiling once)"
    for line in (
        *(f"  {sentence}" for sentence in proposal.sentences),
        f"\nWrote {output}, which runs in {needed}. Read it, then:",
        f"  beed check {output}",
        f"  beed run {output}",
    ):
        print_line(console, line)


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
