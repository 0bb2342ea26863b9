"""Documents checked against the section that they should be."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.config.yaml.document import Document
from pipeline.config.yaml.messages import describe, translate
from pipeline.errors import Problem


def validate[SectionType: BaseModel](
    kind: type[SectionType], document: Document, expected: str, context: Mapping[str, Any] | None = None
) -> tuple[SectionType | None, list[Problem]]:
    """Make a section of a document.

    Parameters
    ----------
    kind
        The section.
    document
        What was read.
    expected
        What it should be, for messages: ``a scenario: a mapping with its keys``.
    context
        Handed to the section's validators.

    Returns
    -------
    section
        None when the document makes none.
    problems
        All problems, those of the text first.
    """
    problems = list(document.problems)
    if not isinstance(document.content, dict):
        if document.content is not None or not problems:
            problems.append(not_a_mapping(document, expected))
        return None, problems
    try:
        return kind.model_validate(document.content, context=context), problems
    except ValidationError as error:
        return None, [*problems, *translate(error.errors(include_url=False), document, kind).values()]


def not_a_mapping(document: Document, expected: str) -> Problem:
    """Make the problem of a document that is a list or a scalar."""
    return document.problem((), describe(document.content), expected)
