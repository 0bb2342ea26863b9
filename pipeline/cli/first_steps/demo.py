"""The command demo: the first steps, in a folder of their own. Heavy imports wait until it runs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.first_steps.writing import Force, refuse_files, write_study


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where its files go.")] = Path("beed-demo"),
    force: Force = False,
) -> None:
    """Do the first steps: a table of simulated shops, a study for it as init writes it, and its results."""
    from pipeline.cli.studies import run
    from pipeline.proposing.demo import demo_table

    table, study = folder / "shops.csv", folder / "study.yaml"
    refuse_files([table, study], force)
    folder.mkdir(parents=True, exist_ok=True)
    frame, truth = demo_table()
    frame.to_csv(table, index=False)
    print(f"1. A table of two simulated shopping centres, {len(frame):,} rows: {table}")
    print(f"2. beed init {table} --output {study}")
    proposal = write_study(str(table), study)
    for sentence in proposal.sentences:
        print(f"   {sentence}")
    print(f"3. beed run {study}, about {proposal.duration} (besides start, and compiling once)\n", flush=True)
    run(study)
    store = folder / "runs" / "shops"
    known = ", ".join(f"{name} {value:g}" for name, value in truth.items())
    print(f"\nThe truth behind the table: {known}.\nNext:")
    for command, what in (
        (f"beed show {store} --plot {folder / 'shops.png'}", "a picture of it"),
        (f"beed effects {store}", "what a percent more of each effort moves"),
        (f"beed report {store} --out {folder / 'shops.html'}", "a page for others"),
        ("beed init YOUR_TABLE.csv", "the same for your own table"),
    ):
        print(f"  {command:<60} # {what}")
