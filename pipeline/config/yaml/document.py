"""YAML text read to plain values that remember their lines; whatever is wrong with the text is a problem.

Built by hand on PyYAML's nodes. The round-trip loader of ruamel.yaml (0.19.1 was tried) keeps lines too, but
saves 40 lines of 200 only: scalars, keys given twice, tags and aliases need the same care. It takes 0.4 s to
import instead of 0.05 s, and 8 ms to read a study instead of 2 ms; it reads an alias inside itself as null,
fails on merges (`<<`) and loses the line of a value that contradicts its tag (three of today's tests fail).
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import Problem

KeyPath = tuple[str | int, ...]
"""Where a value is: the keys and list positions that lead to it."""

# A study is a page of text. Far more nodes than that are aliases of aliases, which multiply without end.
_MOST_NODES = 100_000
_PLAIN_YAML = "plain YAML: mappings, lists, text and numbers"


class _StudyLoader(yaml.SafeLoader):
    """Reads scalars as people expect: `no`, `12:30`, `007` and dates are text, `1e-3` is a number."""

    # PyYAML follows YAML 1.1, where a brand called NO is false and 1e-3 is text.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


# Type, pattern of the text, characters that such text begins with ("" for no text at all).
_SCALARS: tuple[tuple[str, str, list[str]], ...] = (
    ("null", r"~|null|Null|NULL|", ["", *"~nN"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9_]*)", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        list("-+.0123456789"),
    ),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
)
for _type, _pattern, _beginnings in _SCALARS:
    _StudyLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_type}", re.compile(f"^(?:{_pattern})$"), _beginnings
    )


@dataclass
class Document:
    """What a YAML text says, and on which lines.

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
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int | None:
        """Find the line of a key, or of the nearest section around it that is in the text."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1 if self.file and self.content is not None else None

    def problem(self, path: KeyPath, got: str, expected: str, hint: str = "") -> Problem:
        """Make the problem of a key, with its line."""
        return Problem(self.file, self.line_of(path), dotted(path), got, expected, hint)


def dotted(path: KeyPath) -> str:
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
        With its problems; no text raises an exception.
    """
    document = Document(file)
    loader = None
    try:
        loader = _StudyLoader(text)
        root = loader.get_single_node()
        if root is not None:
            document.content = _Builder(loader, document).build(root, ())
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(error, file, text))
    except RecursionError:
        got = "brackets or sections nested too deep"
        document.problems.append(Problem(file, None, "", got, "a page of YAML"))
    finally:
        if loader is not None:
            loader.dispose()
    return document


class _Builder:
    """Turns the nodes of a text into plain values; notes lines and problems in a document."""

    def __init__(self, loader: _StudyLoader, document: Document) -> None:
        self.loader = loader
        self.document = document
        self.open: set[int] = set()
        self.count = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if id(node) in self.open:
            raise _refusal("an alias that contains itself", node)
        if self.count > _MOST_NODES:
            raise _refusal("aliases of aliases without end", node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.build_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self.build_list(node, path)
            return self.loader.construct_object(node)
        except ValueError as error:
            raise _refusal(str(error), node) from error
        finally:
            self.open.discard(id(node))

    def build_list(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        _refuse_tag(node, "tag:yaml.org,2002:seq")
        items = []
        for index, item in enumerate(node.value):
            self.document.lines.setdefault((*path, index), _line(item))
            items.append(self.build(item, (*path, index)))
        return items

    def build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        _refuse_tag(node, "tag:yaml.org,2002:map")
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.build(key_node, path) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                self.report(key_node, path, f"the key {shown}", f"text as a key, e.g. '{shown}' in quotes")
                continue
            key_path = (*path, key)
            if key in content:
                expected = f"it once (it is on line {self.document.lines[key_path]} too)"
                self.report(key_node, key_path, "the key a second time", expected)
                continue
            self.document.lines[key_path] = _line(key_node)
            content[key] = self.build(value_node, key_path)
        return content

    def report(self, node: yaml.Node, path: KeyPath, got: str, expected: str) -> None:
        self.document.problems.append(Problem(self.document.file, _line(node), dotted(path), got, expected))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _refuse_tag(node: yaml.Node, plain: str) -> None:
    if node.tag != plain:
        raise _refusal(f"the tag {node.tag!r}", node)


def _refusal(got: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, got, node.start_mark)


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        code = error.character if isinstance(error.character, int) else ord(error.character)
        line = text[: error.position].count("\n") + 1
        return Problem(file, line, "", f"the character U+{code:04X}", "printable text")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or "it cannot be read")
    if mark is None:
        return Problem(file, None, "", "text that is not YAML", "YAML", f"The parser says: {reason}.")
    line = mark.line + 1
    if isinstance(error, yaml.constructor.ConstructorError):
        return Problem(file, line, "", reason, _PLAIN_YAML)
    written = (text.splitlines()[mark.line : line] or [""])[0]
    indent = written[: len(written) - len(written.lstrip())]
    if "\t" in indent:
        got = "a tab at the beginning of the line"
        return Problem(file, line, "", got, "spaces: YAML indents with spaces only")
    got = repr(written.strip()[:60]) if written.strip() else "the end of the text"
    hint = f"The parser says: {reason}. Text with ':', '#', '@' or brackets in it needs quotes."
    return Problem(file, line, "", got, "YAML that makes sense at this place", hint)
