"""What init and demo write, and that they write over nothing unasked."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.proposing.propose import Proposal
    from pipeline.proposing.wishes import Wishes

Force = Annotated[bool, typer.Option("--force", help="Write over files that are there.")]


def write_study(data: str, output: Path, wishes: "Wishes | None" = None) -> "Proposal":
    """Propose a study for a table, and write it.

    Raises
    ------
    DataError
        As `pipeline.proposing.propose.propose`; nothing is written then.
    """
    from pipeline.proposing.propose import propose

    proposal = propose(data, output, wishes)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(proposal.text, encoding="utf-8")
    return proposal


def refuse_files(files: Sequence[Path], force: bool) -> None:
    """Refuse to write over files that are there, unless that is wanted.

    Raises
    ------
    PlanError
        Naming those that are there.
    """
    there = [str(file) for file in files if file.exists()]
    if there and not force:
        is_there = f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already"
        raise PlanError(f"{is_there}; say --force to write over that, or choose another place.")
