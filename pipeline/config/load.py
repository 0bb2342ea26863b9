"""From a study file and overrides to a checked `Study`, or to every problem at once."""

import copy
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.checks.study import check_study
from pipeline.config.sections.ledger.efforts import complete_ledger
from pipeline.config.study import Study
from pipeline.config.yaml.document import Document, dotted
from pipeline.config.yaml.document import Path as KeyPath
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.messages import describe, translate
from pipeline.config.yaml.overrides import OVERRIDE_ORIGIN, apply_overrides
from pipeline.errors import ConfigError, Problem

_ROUNDS = 12


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
        With every problem found, each with file, line, key, what was got and what is expected.
    """
    document = read_document(Path(path), "a study")
    if document.content is None and document.problems:
        raise ConfigError(f"Study {path}", document.problems)
    overridden = apply_overrides(document, overrides)
    folder = str(Path(path).resolve().parent)
    of_accounts = complete_ledger(document, folder)
    study, found = _validate(document, folder)
    found = [*document.problems, *of_accounts, *(_of_override(problem, overridden) for problem in found)]
    if found or study is None:
        raise ConfigError(f"Study {path}", sorted(found, key=_place))
    return study


def _validate(document: Document, folder: str) -> tuple[Study | None, list[Problem]]:
    """Check, and where something is wrong put something harmless in its place to find what else is wrong."""
    if not isinstance(document.content, dict):
        got, expected = describe(document.content), "a study: a mapping with the keys of its sections"
        return None, [Problem(document.file, document.line_of(()), "", got, expected)]
    found: dict[KeyPath, Problem] = {}
    trial = Document(document.file, copy.deepcopy(document.content), document.lines)
    study, tried = None, Counter[KeyPath]()
    for _ in range(_ROUNDS):
        try:
            study = Study.model_validate(trial.content, context={"folder": folder})
            break
        except ValidationError as error:
            fresh = translate(error.errors(include_url=False), trial)
            found |= {path: problem for path, problem in fresh.items() if not _touches(path, found)}
            for path in fresh:
                tried[path] += 1
                if tried[path] > 2:
                    _mend_section(trial.content, path)
                else:
                    _mend(trial.content, path, fresh)
    if study is not None:
        later = check_study(study, trial, found)
        found |= {path: problem for path, problem in later.items() if not _touches(path, found)}
    return study, list(found.values())


def _touches(path: KeyPath, found: dict[KeyPath, Problem]) -> bool:
    """Tell whether a key, or one above or below it, is already known to be wrong."""
    return any(path[: len(other)] == other[: len(path)] for other in found)


def _mend(content: Any, path: KeyPath, wrong: Collection[KeyPath]) -> None:
    """Put something harmless in the place of a wrong or missing value."""
    if not path:
        return
    parent = content
    for part in path[:-1]:
        parent = parent[part]
    last = path[-1]
    if isinstance(parent, list) and isinstance(last, int):
        # Items keep their places, so that later problems keep their lines.
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


def _of_override(problem: Problem, overridden: Sequence[KeyPath]) -> Problem:
    for path in overridden:
        key = dotted(path)
        if problem.key == key or problem.key.startswith(f"{key}."):
            return Problem(OVERRIDE_ORIGIN, None, problem.key, problem.got, problem.expected, problem.hint)
    return problem


def _place(problem: Problem) -> tuple[bool, int]:
    return problem.file == OVERRIDE_ORIGIN, problem.line or 0
