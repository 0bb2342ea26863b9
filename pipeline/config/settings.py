"""Scenarios, flight plans and games: YAML in, a frozen record out, or every problem at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.sections.types import Section
from pipeline.config.yaml.document import Document
from pipeline.config.yaml.files import read_document
from pipeline.config.yaml.messages import describe, translate
from pipeline.config.yaml.overrides import apply_overrides
from pipeline.errors import ConfigError, Problem


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
        Values of top keys that go before those of the file.
    overrides
        ``key=value`` each, set last.
    what
        What they are, for messages: ``scenario``.

    Raises
    ------
    ConfigError
        With every problem found.
    """
    document = read_document(Path(path), f"a {what}") if path is not None else Document("", {})
    title = f"{what.capitalize()} {path}" if path is not None else what.capitalize()
    if document.content is None and document.problems:
        raise ConfigError(title, document.problems)
    apply_overrides(document, overrides)
    if not isinstance(document.content, dict):
        got = describe(document.content)
        raise ConfigError(title, [Problem(document.file, 1, "", got, f"a {what}: a mapping with its keys")])
    document.content |= dict(given or {})
    found: list[Problem] = list(document.problems)
    try:
        settings = kind.model_validate(document.content, context={"document": document})
    except ValidationError as error:
        found += translate(error.errors(include_url=False), document, kind).values()
        raise ConfigError(title, found) from None
    if found:
        raise ConfigError(title, found)
    return settings
