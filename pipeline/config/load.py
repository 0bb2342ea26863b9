"""From a study file and overrides to a checked `Study`, or to every problem at once."""

import copy
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.checks.study import check_study
from pipeline.config.sections.fit import FORMER_STATES
from pipeline.config.sections.ledger.efforts import complete_ledger
from pipeline.config.study import Study
from pipeline.config.yaml.document import Document, KeyPath, dotted
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.messages import translate
from pipeline.config.yaml.overrides import OVERRIDE_ORIGIN, apply_overrides, blame_override
from pipeline.config.yaml.validate import not_a_mapping
from pipeline.errors import ConfigError, Problem

# Rounds of checking and mending; and rounds that a key is mended alone, before its whole section is given up.
_MOST_ROUNDS = 12
_MOST_MENDINGS = 2


def load_study(path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study.

    Parameters
    ----------
    path
        YAML file; paths in it are relative to its folder.
    overrides
        ``key=value`` each, e.g. ``fit.starts=64``: set after the file is read. Paths in these are relative to
        the current folder.

    Returns
    -------
    Study
        Checked as far as it can be without the data.

    Raises
    ------
    ConfigError
        With every problem, each with file, line, key, what was got and what is expected.

    Examples
    --------
    >>> import beed
    >>> study = beed.load_study("configs/ledger.yaml", ["fit.starts=4"])
    >>> study.fit.starts
    4
    """
    document = read_document(Path(path), "a study")
    if document.content is None and document.problems:
        raise ConfigError(f"Study {path}", document.problems)
    overridden = apply_overrides(document, overrides)
    folder = str(Path(path).resolve().parent)
    problems = [*document.problems, *complete_ledger(document, folder)]
    study, problems_of_study = _validate(document, folder)
    problems += [_blamed(problem, overridden) for problem in problems_of_study]
    if problems or study is None:
        raise ConfigError(f"Study {path}", sorted(problems, key=_position))
    return study.with_notes(_notes(document))


def _notes(document: Document) -> tuple[str, ...]:
    """Say what is written in words of earlier versions, and how it is understood."""
    fit = document.content.get("fit") if isinstance(document.content, dict) else None
    if not isinstance(fit, dict) or "state" not in fit or "gain" in fit:
        return ()
    gain = FORMER_STATES[fit["state"]]
    return (
        f"{document.file}: fit.state is now fit.gain; `state: {fit['state']}` is read as `gain: {gain:g}`. "
        "Write the latter, or have the gain estimated: `gain: estimated`.",
    )


def _validate(document: Document, folder: str) -> tuple[Study | None, list[Problem]]:
    """Check a study; where something is wrong, check the rest with something harmless in its place."""
    if not isinstance(document.content, dict):
        return None, [not_a_mapping(document, "a study: a mapping with the keys of its sections")]
    problems: dict[KeyPath, Problem] = {}
    trial = Document(document.file, copy.deepcopy(document.content), document.lines)
    study = _mend_until_valid(trial, folder, problems)
    if study is not None:
        _add_new(problems, check_study(study, trial, problems))
    return study, list(problems.values())


def _mend_until_valid(trial: Document, folder: str, problems: dict[KeyPath, Problem]) -> Study | None:
    """Mend the trial until it is a study, adding the problems met; None when it cannot be mended."""
    mendings = Counter[KeyPath]()
    for _ in range(_MOST_ROUNDS):
        try:
            return Study.model_validate(trial.content, context={"folder": folder})
        except ValidationError as error:
            wrong = translate(error.errors(include_url=False), trial, Study)
        _add_new(problems, wrong)
        for path in wrong:
            mendings[path] += 1
            if mendings[path] > _MOST_MENDINGS:
                _mend_section(trial.content, path)
            else:
                _mend(trial.content, path, wrong)
    return None


def _add_new(problems: dict[KeyPath, Problem], further: Mapping[KeyPath, Problem]) -> None:
    """Add the problems of keys of which nothing is known yet, neither above nor below them."""
    problems |= {path: problem for path, problem in further.items() if not _touches(path, problems)}


def _touches(path: KeyPath, known: Collection[KeyPath]) -> bool:
    return any(path[: len(other)] == other[: len(path)] for other in known)


def _mend(content: Any, path: KeyPath, wrong: Collection[KeyPath]) -> None:
    """Put something harmless in the place of a wrong or missing value."""
    if not path:
        return
    parent = content
    for part in path[:-1]:
        try:
            parent = parent[part]
        except (KeyError, IndexError, TypeError):
            return  # what it stands in was wrong too, and has been mended
    last = path[-1]
    if isinstance(parent, list) and isinstance(last, int):
        # Items keep their positions, so that later problems keep their lines.
        right = [item for index, item in enumerate(parent) if (*path[:-1], index) not in wrong]
        if right:
            parent[last] = copy.deepcopy(right[0])
        else:
            _mend(content, path[:-1], wrong)
    elif last in parent:
        del parent[last]
    else:
        parent[last] = "linear"


def _mend_section(content: dict[str, Any], path: KeyPath) -> None:
    """Give up a whole section, to be able to check the others."""
    if path[:1] == ("models",):
        content["models"] = {"response": "linear"}
    elif path:
        content.pop(str(path[0]), None)


def _blamed(problem: Problem, overridden: Sequence[KeyPath]) -> Problem:
    """Blame an override for a problem in what it set."""
    keys = map(dotted, overridden)
    if any(problem.key == key or problem.key.startswith(f"{key}.") for key in keys):
        return blame_override(problem, problem.key)
    return problem


def _position(problem: Problem) -> tuple[bool, int]:
    return problem.file == OVERRIDE_ORIGIN, problem.line or 0
