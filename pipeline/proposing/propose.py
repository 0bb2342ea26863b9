"""From a table to a study that runs on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.sections.data import DataSection
from pipeline.config.sections.location import is_url
from pipeline.config.study import Study
from pipeline.errors import DataError, Problem
from pipeline.panel.open import open_study_panel
from pipeline.proposing.efforts import Efforts, propose_efforts
from pipeline.proposing.reading import read_table
from pipeline.proposing.roles import Roles
from pipeline.proposing.scale import Scale, fit_into_time, scale_for
from pipeline.proposing.source import Source
from pipeline.proposing.wishes import Wishes
from pipeline.proposing.write import write_study
from pipeline.sweep.before.cost import readable_seconds


@dataclass(frozen=True)
class Proposal:
    """A study for a table.

    Attributes
    ----------
    text : str
        The study, as YAML with comments.
    sentences : tuple of str
        What was guessed and why, and what was left out.
    duration : str
        What running it takes, estimated, besides starting and compiling.
    """

    text: str
    sentences: tuple[str, ...]
    duration: str


def propose(table: str, output: Path, wishes: Wishes | None = None) -> Proposal:
    """Propose a study for a table; nothing is written.

    Parameters
    ----------
    table : str
        Path or URL of a CSV, Parquet or Excel file, or of a netCDF or zarr dataset.
    output : Path
        Where the study is going to be: paths in it are relative to its folder.
    wishes : Wishes, optional
        What is known of the table, and who can be asked.

    Raises
    ------
    DataError
        With everything that cannot be guessed, naming the option that says it, or that is wrong with the
        data, before anything is fitted.
    """
    wishes = wishes or Wishes()
    folder = str(output.resolve().parent)
    file = table if is_url(table) else _relative(Path(table), folder)
    source, roles = read_table(table, file, output.resolve(), wishes)
    efforts = propose_efforts(roles)
    if not efforts.taken:
        found = (
            "; ".join(f"{name}: {reason}" for name, reason in efforts.left_out.items())
            or "nothing beside sales"
        )
        expected = "a column of what firms do: a price, an expense, a flag of promotion"
        raise DataError(f"Table {table}", [Problem("", None, "the efforts", found, expected)])
    assert roles.periods is not None
    scale = scale_for(roles.periods.axis)

    def study_of(wanted: Scale) -> Study:
        content = yaml.safe_load(write_study(source, roles, efforts, wanted))
        return Study.model_validate(content, context={"folder": folder})

    panel = _open(study_of(scale), roles)
    scale = fit_into_time(scale, study_of, panel)
    panel.close()
    text = write_study(source, roles, efforts, scale)
    return Proposal(text, tuple(_sentences(source, roles, efforts)), readable_seconds(scale.seconds))


def _relative(path: Path, folder: str) -> str:
    """Name a file as a study in a folder would: relative where both are on one branch."""
    relative = path.resolve().relative_to(folder, walk_up=True)
    return str(relative) if relative.parts[:2] != ("..", "..") else str(path.resolve())


def _open(study: Study, roles: Roles) -> Any:
    try:
        return open_study_panel(study)
    except DataError as error:
        assert isinstance(study.data, DataSection)
        said = ", ".join(f"{role} {column}" for role, column in roles.columns.items())
        heading = f"{error.heading}, read with {said} (change with --market, --firm, --time, --sales)"
        raise DataError(heading, error.problems) from None


def _sentences(source: Source, roles: Roles, efforts: Efforts) -> list[str]:
    said = [f"{key} {source.keys[key]}: {why}." for key, why in source.reasons.items()]
    if "columns" in source.keys:
        names = ", ".join(source.keys["columns"])
        said.append(f"A wide table: a row has all firms, and columns of {names} for each.")
    for role in ("market", "firm", "time", "sales"):
        if role in roles.columns:
            said.append(f"{role}: {roles.columns[role]} ({roles.reasons[role]}).")
        elif role in roles.reasons:
            said.append(f"{role}: none ({roles.reasons[role]}).")
    said += [f"effort {effort.name}: {effort.reason}." for effort in efforts.taken]
    said += [f"not {name}: {reason}." for name, reason in efforts.left_out.items()]
    if efforts.spare:
        names = ", ".join(effort.name for effort in efforts.spare)
        said.append(f"more efforts, as comments in the study: {names}.")
    return [*said, *roles.notes]
