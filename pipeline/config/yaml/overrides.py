"""Overrides from the command line: ``--set fit.starts=64``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config.sections.location import is_url
from pipeline.config.yaml.document import Document, KeyPath, dotted, read_yaml
from pipeline.errors import Problem

# Named parameters have dots in their own names (`price.h`): what follows these keys is one name.
_TABLES_OF_PARAMETERS = (
    ("fit", "fixed"),
    ("fit", "bounds"),
    ("fit", "expr"),
    ("fit", "priors"),
    ("simulate", "truth", "parameters"),
)
# Paths typed on the command line mean what they mean to the shell, not a path beside the study file.
_LOCATIONS = (("store",), ("data", "file"), ("data", "ledger"), ("data", "accounts"))
OVERRIDE_ORIGIN = "--set"
"""What problems of overrides have for a file."""


def split_key(key: str) -> KeyPath:
    """Split a dotted key into its parts; the names of parameters stay whole."""
    parts = tuple(key.split("."))
    for table in _TABLES_OF_PARAMETERS:
        if parts[: len(table)] == table and len(parts) > len(table):
            return (*table, ".".join(parts[len(table) :]))
    return parts


def apply_overrides(document: Document, overrides: Sequence[str]) -> tuple[KeyPath, ...]:
    """Put overrides into a document.

    Parameters
    ----------
    document
        Changed in place; overrides that cannot be applied are added to its problems.
    overrides
        Each ``key=value``: a dotted key, list items by number from 0, and a value in YAML.

    Returns
    -------
    tuple of paths
        The keys that were set, so that problems in them are not blamed on the file.
    """
    paths = (_apply(document, override) for override in overrides)
    return tuple(path for path in paths if path is not None)


def _apply(document: Document, override: str) -> KeyPath | None:
    """Put one override into a document; None when it cannot be."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key or "" in key.split("."):
        expected = "key=value, e.g. fit.starts=64"
        document.problems.append(Problem(OVERRIDE_ORIGIN, None, "", repr(override), expected))
        return None
    value = read_yaml(text, OVERRIDE_ORIGIN)
    if value.problems:
        document.problems.extend(blame_override(problem, key) for problem in value.problems)
        return None
    path, content = split_key(key), value.content
    if path in _LOCATIONS and isinstance(content, str) and not is_url(content):
        content = str(Path(content).expanduser().absolute())
    try:
        document.content = _replaced(document.content, path, content, ())
    except _BlockedError as error:
        expected = "a section with this key"
        document.problems.append(Problem(OVERRIDE_ORIGIN, None, key, str(error), expected))
        return None
    return path


def blame_override(problem: Problem, key: str) -> Problem:
    """Say of a problem that it came with the override of a key."""
    return Problem(OVERRIDE_ORIGIN, None, key, problem.got, problem.expected, problem.hint)


class _BlockedError(Exception):
    """The key leads through something that is no section."""


def _replaced(content: Any, path: KeyPath, value: Any, above: KeyPath) -> Any:
    """Copy content with the value at a path replaced; sections that are missing are made."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(content, list):
        index = int(str(head)) if str(head).isdigit() else -1
        if not 0 <= index < len(content):
            raise _BlockedError(f"{dotted(above)}, a list of {len(content)} items numbered from 0")
        return [
            _replaced(item, rest, value, (*above, head)) if position == index else item
            for position, item in enumerate(content)
        ]
    if content is not None and not isinstance(content, dict):
        raise _BlockedError(f"{dotted(above)}, which holds {content!r}")
    section = dict(content or {})
    section[str(head)] = _replaced(section.get(str(head)), rest, value, (*above, head))
    return section
