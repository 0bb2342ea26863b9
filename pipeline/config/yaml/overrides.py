"""Overrides from the command line: ``--set fit.starts=64``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config.sections.location import is_url
from pipeline.config.yaml.document import Document, dotted, read_yaml
from pipeline.config.yaml.document import Path as KeyPath
from pipeline.errors import Problem

# Named parameters have dots in their own names (`price.h`): what follows these keys is one name.
_TABLES_OF_PARAMETERS = (
    ("fit", "fixed"),
    ("fit", "bounds"),
    ("fit", "expr"),
    ("simulate", "truth", "parameters"),
)
# Paths typed on the command line mean what they mean to the shell, not a place beside the study file.
_LOCATIONS = (("store",), ("data", "file"), ("data", "ledger"), ("data", "accounts"))
OVERRIDE_ORIGIN = "--set"


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
    done = []
    for override in overrides:
        path = _apply(document, override)
        if path is not None:
            done.append(path)
    return tuple(done)


def _apply(document: Document, override: str) -> KeyPath | None:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key or "" in key.split("."):
        document.problems.append(
            Problem(OVERRIDE_ORIGIN, None, "", repr(override), "key=value, e.g. fit.starts=64")
        )
        return None
    value = read_yaml(text, OVERRIDE_ORIGIN)
    if value.problems:
        document.problems.extend(
            Problem(OVERRIDE_ORIGIN, None, key, problem.got, problem.expected, problem.hint)
            for problem in value.problems
        )
        return None
    path = split_key(key)
    content = value.content
    if path in _LOCATIONS and isinstance(content, str) and not is_url(content):
        content = str(Path(content).expanduser().absolute())
    try:
        document.content = _put(document.content, path, content, ())
    except _BlockedError as error:
        document.problems.append(Problem(OVERRIDE_ORIGIN, None, key, str(error), "a section with this key"))
        return None
    return path


class _BlockedError(Exception):
    """Something in the way of a key that is no section."""


def _put(content: Any, path: KeyPath, value: Any, above: KeyPath) -> Any:
    if not path:
        return value
    head, *rest = path
    here = (*above, head)
    if isinstance(content, list):
        index = int(str(head)) if str(head).isdigit() else -1
        if not 0 <= index < len(content):
            raise _BlockedError(f"{dotted(above)}, a list of {len(content)} items numbered from 0")
        return [
            _put(item, tuple(rest), value, here) if position == index else item
            for position, item in enumerate(content)
        ]
    if content is not None and not isinstance(content, dict):
        raise _BlockedError(f"{dotted(above)}, which holds {content!r}")
    section = dict(content or {})
    section[str(head)] = _put(section.get(str(head)), tuple(rest), value, here)
    return section
