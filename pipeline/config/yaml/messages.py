"""Pydantic's errors as problems for the user: what was got, what is expected, the nearest valid name."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipeline.config.yaml.annotations import section_at
from pipeline.config.yaml.document import Document, KeyPath
from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of, without_user_info

_LONGEST_TEXT = 60
_MOST_KEYS = 4


class _Sentence(NamedTuple):
    got: str
    expected: str
    hint: str = ""


def describe(value: Any) -> str:
    """Say what a value is, as a piece of a sentence."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            value = without_user_info(value)
            return f"the text {value[:_LONGEST_TEXT] + '...' if len(value) > _LONGEST_TEXT else value!r}"
        case Mapping():
            keys = ", ".join(map(str, list(value)[:_MOST_KEYS]))
            return f"a mapping with {keys}" if value else "a mapping without keys"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
        case _:
            return str(value)


def path_in(content: Any, location: KeyPath) -> KeyPath:
    """Reduce pydantic's location to keys that the document has (the last one may be what is missing).

    Values that may be written short (one item for a list, a family for a mapping) are spelled out before they
    are checked, so locations contain parts that nobody wrote.
    """
    path: list[str | int] = []
    for position, part in enumerate(location):
        if _has(content, part):
            content = content[part]
            path.append(part)
        elif isinstance(content, dict) and isinstance(part, str) and position == len(location) - 1:
            path.append(part)
    return tuple(path)


def _has(content: Any, part: str | int) -> bool:
    if isinstance(content, dict):
        return part in content
    return isinstance(content, list) and isinstance(part, int) and part < len(content)


def translate(
    errors: Iterable[ErrorDetails], document: Document, root: type[BaseModel]
) -> dict[KeyPath, Problem]:
    """Make one problem of all that pydantic says about one key.

    Parameters
    ----------
    errors
        Pydantic's errors.
    document
        What was checked; its lines locate the keys.
    root
        The section that it was checked against.

    Returns
    -------
    dict
        Problems by the path of the key, in the order of the errors.
    """
    problems: dict[KeyPath, Problem] = {}
    for error in errors:
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # pydantic counts the items that are right; the others have problems of their own
        path = path_in(document.content, error["loc"])
        sentence = _SENTENCES.get(error["type"], _simple_sentence)(error, root)
        if path in problems:
            sentence = _merge(problems[path], sentence)
        problems[path] = document.problem(path, *sentence)
    return problems


def _merge(earlier: Problem, sentence: _Sentence) -> _Sentence:
    """Join what two alternatives of a union expect."""
    if sentence.expected in earlier.expected:
        return _Sentence(earlier.got, earlier.expected, earlier.hint)
    expected = f"{earlier.expected} or {sentence.expected}"
    return _Sentence(earlier.got, expected, earlier.hint or sentence.hint)


# What each kind of error expects; {names in braces} come from pydantic's context.
_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "mapping_type": "a mapping of names to values",
    "dict_type": "a mapping of names to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than": "a number < {lt}",
    "less_than_equal": "a number <= {le}",
    "string_too_short": "text",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def _simple_sentence(error: ErrorDetails, _root: type[BaseModel]) -> _Sentence:
    if error["type"] not in _EXPECTED:
        return _Sentence(describe(error["input"]), error["msg"])
    context = error.get("ctx", {})
    shown = {key: f"{item:g}" if isinstance(item, float) else item for key, item in context.items()}
    return _Sentence(describe(error["input"]), _EXPECTED[error["type"]].format(**shown))


def _refused(error: ErrorDetails, _root: type[BaseModel]) -> _Sentence:
    """Repeat what a validator of the section said (`pipeline.config.sections.types.refusal`)."""
    return _Sentence(error["ctx"]["got"], error["ctx"]["expected"])


def _unknown_key(error: ErrorDetails, root: type[BaseModel]) -> _Sentence:
    *above, key = error["loc"]
    section = section_at(tuple(above), root)
    known = list(section.model_fields) if section is not None else []
    return _Sentence(f"the unknown key {key!r}", one_of(known), did_you_mean(str(key), known))


def _missing(error: ErrorDetails, root: type[BaseModel]) -> _Sentence:
    *above, key = error["loc"]
    if isinstance(key, int):
        return _Sentence(describe(error["input"]), "a pair of values, e.g. [0, 1]")
    section = section_at(tuple(above), root)
    field = None if section is None else section.model_fields.get(key)
    meaning = f" ({field.description.rstrip('.')})" if field is not None and field.description else ""
    return _Sentence("nothing", f"the key {key!r}{meaning}")


def _not_among(error: ErrorDetails, _root: type[BaseModel]) -> _Sentence:
    known = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
    value = error["input"]
    hint = did_you_mean(value, known) if isinstance(value, str) else ""
    return _Sentence(describe(value), one_of(known), hint)


def _no_section(error: ErrorDetails, root: type[BaseModel]) -> _Sentence:
    section = section_at(error["loc"], root)
    keys = one_of(section.model_fields) if section is not None else "its keys"
    return _Sentence(describe(error["input"]), f"a mapping with keys ({keys})")


def _wrong_length(error: ErrorDetails, _root: type[BaseModel]) -> _Sentence:
    expected = error["msg"].partition("should have ")[2].partition(" after")[0]
    return _Sentence(describe(error["input"]), expected)


_SENTENCES: dict[str, Callable[[ErrorDetails, type[BaseModel]], _Sentence]] = {
    "refused": _refused,
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _not_among,
    "model_type": _no_section,
    "model_attributes_type": _no_section,
    "too_short": _wrong_length,
    "too_long": _wrong_length,
}
