"""YAML to plain values that remember where they stood, with every problem of the text as a sentence."""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import Problem

Path = tuple[str | int, ...]

# A study is a page of text. Far more nodes than that means aliases of aliases, which grow without end.
_LARGEST_DOCUMENT = 100_000


class _StudyLoader(yaml.SafeLoader):
    """Scalars as people expect: `no`, `12:30`, `007` and dates are text, `1e-3` is a number."""

    # PyYAML follows YAML 1.1, where a brand called NO is false and 1e-3 is text.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_RESOLVERS: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9_]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)
for _tag, _pattern, _first in _RESOLVERS:
    _characters = [None if character == "\0" else character for character in _first]
    if _tag == "null":
        _characters.append("")
    _StudyLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _characters
    )


@dataclass
class Document:
    """What a YAML text says, and where.

    Attributes
    ----------
    file
        Name of the text in problems.
    content
        Mappings, lists and scalars; None when the text cannot be read at all.
    lines
        Line, from 1, of every key and list item, by its path.
    problems
        Problems of the text itself: syntax, keys given twice, keys that are not text.
    """

    file: str
    content: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """Find the line of a key, or of the nearest section around it that is in the text."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1 if self.content is not None else None


def dotted(path: Path) -> str:
    """Write a path as a key, e.g. ``models.response.0``."""
    return ".".join(str(part) for part in path)


def read_yaml(text: str, file: str) -> Document:
    """Read a YAML text.

    Parameters
    ----------
    text
        The text.
    file
        What to call it in problems.

    Returns
    -------
    Document
        With its problems; never an exception, whatever the text.
    """
    document = Document(file)
    loader = None
    try:
        loader = _StudyLoader(text)
        root = loader.get_single_node()
        if root is not None:
            _Builder(loader, document).build_root(root)
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(error, file, text))
        document.content = None
    except RecursionError:
        document.problems.append(
            Problem(file, None, "", "brackets or sections nested too deep", "a page of YAML")
        )
        document.content = None
    finally:
        if loader is not None:
            loader.dispose()
    return document


class _Builder:
    """Turns the node tree of one document into plain values."""

    def __init__(self, loader: _StudyLoader, document: Document) -> None:
        self.loader = loader
        self.document = document
        self.open: set[int] = set()
        self.nodes = 0

    def build_root(self, root: yaml.Node) -> None:
        self.document.content = self.build(root, ())

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.nodes += 1
        if id(node) in self.open:
            raise yaml.constructor.ConstructorError(
                None, None, "an alias that contains itself", node.start_mark
            )
        if self.nodes > _LARGEST_DOCUMENT:
            raise yaml.constructor.ConstructorError(
                None, None, "aliases of aliases without end", node.start_mark
            )
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.build_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self.build_list(node, path)
            return self.loader.construct_object(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error
        finally:
            self.open.discard(id(node))

    def build_list(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        self.refuse_tag(node, "tag:yaml.org,2002:seq")
        items = []
        for index, item in enumerate(node.value):
            self.document.lines.setdefault((*path, index), item.start_mark.line + 1)
            items.append(self.build(item, (*path, index)))
        return items

    def build_mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self.refuse_tag(node, "tag:yaml.org,2002:map")
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.build(key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                self.complain(
                    line, dotted(path), f"the key {shown}", f"text as a key, e.g. '{shown}' in quotes"
                )
                continue
            place = (*path, key)
            if key in content:
                first = self.document.lines[place]
                self.complain(
                    line, dotted(place), "the key a second time", f"it once (it is on line {first} too)"
                )
                continue
            self.document.lines[place] = line
            content[key] = self.build(value_node, place)
        return content

    def refuse_tag(self, node: yaml.Node, plain: str) -> None:
        if node.tag != plain:
            raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag!r}", node.start_mark)

    def complain(self, line: int, key: Hashable, got: str, expected: str) -> None:
        self.document.problems.append(Problem(self.document.file, line, str(key), got, expected))


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        code = error.character if isinstance(error.character, int) else ord(error.character)
        line = text[: error.position].count("\n") + 1
        return Problem(file, line, "", f"the character U+{code:04X}", "printable text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or "it cannot be read")
    if mark is None:
        return Problem(file, None, "", "text that is not YAML", "YAML", f"The parser says: {said}.")
    line = mark.line + 1
    if isinstance(error, yaml.constructor.ConstructorError):
        return Problem(file, line, "", said, "plain YAML: mappings, lists, text and numbers")
    written = (text.splitlines()[mark.line : line] or [""])[0]
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Problem(
            file, line, "", "a tab at the beginning of the line", "spaces: YAML indents with spaces only"
        )
    shown = repr(written.strip()[:60]) if written.strip() else "the end of the text"
    hint = f"The parser says: {said}. Text with ':', '#', '@' or brackets in it needs quotes."
    return Problem(file, line, "", shown, "YAML that makes sense at this place", hint)
