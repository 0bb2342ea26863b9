"""Scenarios, flight plans and games: YAML in, a frozen record out, or every problem at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.sections.types import Section
from pipeline.config.yaml.document import Document
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.overrides import apply_overrides
from pipeline.config.yaml.validate import validate
from pipeline.errors import ConfigError

type Given[Settings] = Settings | str | Path | Mapping[str, Any]
"""Settings as they are, the path of a YAML file with them, or their keys and values."""


def settings_of[Settings: Section](kind: type[Settings], given: Given[Settings], *, what: str) -> Settings:
    """Take settings in any of the ways that a caller may have them.

    Parameters
    ----------
    kind, what
        As for `load_settings`.
    given
        Settings that are ready, a YAML file, or a mapping such as the file holds.

    Raises
    ------
    ConfigError
        With every problem.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, Mapping):
        return load_settings(kind, given=given, what=what)
    if isinstance(given, str | Path):
        return load_settings(kind, given, what=what)
    raise TypeError(
        f"Got {type(given).__name__} for a {what}; expected {kind.__name__}, a mapping or a path."
    )


def load_settings[Settings: Section](
    kind: type[Settings],
    path: str | Path | None = None,
    *,
    given: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    what: str,
) -> Settings:
    """Read settings from a file, the command line, or both.

    Parameters
    ----------
    kind
        The section they must make, e.g. `pipeline.config.sections.scenario.Scenario`.
    path
        YAML file.
    given
        Values of top keys that replace those of the file.
    overrides
        ``key=value`` each, set before `given`.
    what
        What they are, for messages: ``scenario``.

    Raises
    ------
    ConfigError
        With every problem.
    """
    document = Document("", {}) if path is None else read_document(Path(path), f"a {what}")
    if document.content is not None:
        apply_overrides(document, overrides)
    if isinstance(document.content, dict):
        document.content |= dict(given or {})
    expected = f"a {what}: a mapping with its keys"
    settings, problems = validate(kind, document, expected, {"document": document})
    if problems or settings is None:
        title = what.capitalize() if path is None else f"{what.capitalize()} {path}"
        raise ConfigError(title, problems)
    return settings
