"""Pydantic's complaints as sentences: what was got, what is expected, the nearest valid name."""

import re
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic_core import ErrorDetails

from pipeline.config.study import Study
from pipeline.config.yaml.document import Document, Path, dotted
from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of

# What each kind of complaint wants; {names in braces} come from pydantic's context.
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
}


def describe(value: Any) -> str:
    """Say what a value is, as a piece of a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:60] + '...' if len(value) > 60 else value!r}"
    if isinstance(value, Mapping):
        return "a mapping" + (f" with {', '.join(map(str, list(value)[:4]))}" if value else " without keys")
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return str(value)


def path_in(content: Any, location: tuple[int | str, ...]) -> Path:
    """Reduce pydantic's location to keys that the document has (the last one may be what is missing).

    Values that may be written short (one item for a list, a family for a mapping) are spelled out before they
    are checked, so locations contain parts that nobody wrote.
    """
    path: list[str | int] = []
    for position, part in enumerate(location):
        if (isinstance(content, dict) and part in content) or (
            isinstance(content, list) and isinstance(part, int) and part < len(content)
        ):
            content = content[part]  # type: ignore[index]
        elif isinstance(content, dict) and isinstance(part, str) and position == len(location) - 1:
            path.append(part)
            break
        else:
            continue
        path.append(part)
    return tuple(path)


def translate(
    errors: Iterable[ErrorDetails], document: Document, root: type[BaseModel] = Study
) -> dict[Path, Problem]:
    """Make one problem of all that pydantic says about one key.

    Parameters
    ----------
    errors
        Pydantic's errors.
    document
        What was checked; its lines locate the keys.
    root
        What the document was checked against.

    Returns
    -------
    dict
        Problems by the path of the key, in the order found.
    """
    found: dict[Path, Problem] = {}
    for error in errors:
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # pydantic counts the items that are right; the others have problems of their own
        path = path_in(document.content, error["loc"])
        got, expected, hint = _sentence(error, path, root)
        earlier = found.get(path)
        if earlier is not None:
            if expected in earlier.expected:
                continue
            expected = f"{earlier.expected} or {expected}"
            got, hint = earlier.got, earlier.hint or hint
        found[path] = Problem(document.file, document.line_of(path), dotted(path), got, expected, hint)
    return found


def _sentence(error: ErrorDetails, path: Path, root: type[BaseModel]) -> tuple[str, str, str]:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "value_error" and "|" in error["msg"]:
        got, _, expected = error["msg"].removeprefix("Value error, ").partition("|")
        return got, expected, ""
    if kind == "extra_forbidden":
        section = section_at(error["loc"][:-1], root)
        known = list(section.model_fields) if section is not None else []
        name = str(error["loc"][-1])
        return f"the unknown key {name!r}", one_of(known), did_you_mean(name, known)
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return describe(value), "a pair of values, e.g. [0, 1]", ""
    if kind == "missing":
        section = section_at(error["loc"][:-1], root)
        field = None if section is None else section.model_fields.get(str(error["loc"][-1]))
        what = f" ({field.description.rstrip('.')})" if field is not None and field.description else ""
        return "nothing", f"the key {error['loc'][-1]!r}{what}", ""
    if kind in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return (
            describe(value),
            one_of(known),
            did_you_mean(str(value), known) if isinstance(value, str) else "",
        )
    if kind in ("model_type", "model_attributes_type"):
        section = section_at(error["loc"], root)
        keys = one_of(section.model_fields) if section is not None else "its keys"
        return describe(value), f"a mapping with keys ({keys})", ""
    if kind == "string_pattern_mismatch":
        return describe(value), f"text that matches {context['pattern']}", ""
    if kind in ("too_short", "too_long"):
        return describe(value), error["msg"].partition("should have ")[2].partition(" after")[0], ""
    if kind in _EXPECTED:
        shown = {key: f"{item:g}" if isinstance(item, float) else item for key, item in context.items()}
        return describe(value), _EXPECTED[kind].format(**shown), ""
    return (
        describe(value),
        error["msg"],
        "" if path else "Expected a mapping with the keys of its sections.",
    )


def section_at(location: tuple[int | str, ...], root: type[BaseModel] = Study) -> type[BaseModel] | None:
    """Find which section stands at a location, from the annotations of the fields."""
    annotation: Any = root
    for part in location:
        section = _section_in(annotation)
        if section is not None and part in section.model_fields:
            annotation = section.model_fields[str(part)].annotation
        elif section is not None and get_origin(annotation) is None and annotation is section:
            return None
        # Otherwise the part tells one section of several, or is a name in a table or a number in a list: same
        # annotation, one level down.
        elif section is not None:
            annotation = _tagged(annotation, part) or section
    return _section_in(annotation)


def _tagged(annotation: Any, tag: int | str) -> Any:
    """Find the member of a union of sections that has a tag."""
    if get_origin(annotation) is Annotated and Tag(str(tag)) in annotation.__metadata__:
        return get_args(annotation)[0]
    found = (_tagged(argument, tag) for argument in get_args(annotation))
    return next((member for member in found if member is not None), None)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = get_origin(annotation)
    if origin is None:
        return None
    arguments = get_args(annotation)
    if origin is Annotated:
        arguments = arguments[:1]
    elif origin not in (Union, types.UnionType, tuple, list, dict) and not isinstance(origin, type):
        # A generic alias such as Table[Section]: what it stands for is a mapping of its argument.
        arguments = arguments or (getattr(origin, "__value__", None),)
    for argument in arguments:
        section = _section_in(argument)
        if section is not None:
            return section
    return None
