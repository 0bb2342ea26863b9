"""Ways in which files go wrong: what YAML says, the text itself, the cells of tables."""

import copy
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import yaml

from pipeline.config.yaml.document import read_yaml

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WEIRD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 10**6, 10**18, -(10**18), 10**400, 0.5, -0.5, 1e-300, 1e18, 1e300),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        " ",
        "x",
        "x" * 400,
        "x" * 5000,
        "\x00",
        "a\nb",
        "é",
        "=1+1",
    ),
    *(
        "0",
        "1.5",
        "1e18",
        "nan",
        "none",
        "all",
        "linear",
        "hill",
        "mci",
        "pareto",
        "mnl",
        "free",
        "log(",
        "1/0",
    ),
    *(
        "2024-13-45",
        "0001-01-01",
        "9999-12-31",
        "../..",
        "/",
        "~",
        "~nobody/x",
        "s3://",
        "s3://a:b@c/d",
        "file://x",
    ),
    *(
        [],
        {},
        [[]],
        [1, 2, 3],
        ["a", "a"],
        [None],
        [{}],
        {"a": 1},
        {"": None},
        {"a": {"b": {"c": []}}},
        ["linear"] * 3,
    ),
    *({"name": "x"}, {"kind": "none"}, {"x" * 300: 1}, [0.5, -1], [["linear"]], {"link": "exp"}, {"lag": 3}),
)
_BITS = (
    b"\t",
    b": ",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"!!python/object:os.system ",
    b"<<: ",
    b"#",
    b"'",
)
_BITS = (
    *_BITS,
    b'"',
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"|",
    b">",
    b"%",
    b"@",
    b"? ",
    b"---\n",
    b"\r",
    b",",
    b";",
)
_CELLS = (
    "",
    "nan",
    "-1",
    "0",
    "1e400",
    "1e308",
    "abc",
    "1,5",
    "=1+1",
    "12 %",
    "2024-02-30",
    "x" * 1000,
    "\x00",
    '"',
    "é",
)


def mutated(text: str, rng: random.Random) -> bytes:
    """Mutate what a YAML text says, or the text."""
    if rng.random() < 0.3:
        content = text.encode()
        for _ in range(rng.randint(1, 3)):
            content = rng.choice(_OF_TEXT)(content, rng)
        return content
    content = _content(text)
    for _ in range(rng.randint(1, 3)):
        content = _mutated_value(content, rng)
    return yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True).encode()


@cache
def _content(text: str) -> Any:
    """Read a text that ships once: it costs as much as trying a mutant. Not to be changed in place."""
    return read_yaml(text, "").content


def _mutated_value(content: Any, rng: random.Random) -> Any:
    """Change one place of plain values."""
    content = copy.deepcopy(content)
    places = list(_places(content))
    if not places:
        return copy.deepcopy(rng.choice(_WEIRD))
    parent, key = rng.choice(places)
    action = rng.randrange(7)
    if action == 0:
        del parent[key]
    elif action == 1:  # a typo
        _add(parent, str(key)[:-1] + rng.choice("xyz_ 1"), parent.pop(key))
    elif action == 2:
        _add(
            parent,
            rng.choice(["x", "name", "kind", "family", "link", "order", "lag", "formula", ""]),
            rng.choice(_WEIRD),
        )
    elif action == 3:  # something from elsewhere in the file
        other, there = rng.choice(places)
        parent[key] = copy.deepcopy(other[there]) if other is not parent or there != key else []
    elif action == 4:
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"x": parent[key]}
    else:
        parent[key] = copy.deepcopy(rng.choice(_WEIRD))
    return content


def _add(parent: Any, key: str, value: Any) -> None:
    if isinstance(parent, dict):
        parent[key] = copy.deepcopy(value)
    else:
        parent.append(copy.deepcopy(value))


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """List every place of nested mappings and lists."""
    keys = (
        content.keys()
        if isinstance(content, dict)
        else range(len(content))
        if isinstance(content, list)
        else ()
    )
    for key in keys:
        yield content, key
        yield from _places(content[key])


def _cut(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randint(1, 30) :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(_BITS) * rng.choice((1, 1, 1, 2, 500)) + content[start:]


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content or b" ")
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _indent(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    line = rng.randrange(len(lines))
    lines[line] = b" " * rng.randint(1, 5) + lines[line] if rng.random() < 0.6 else lines[line].lstrip()
    return b"\n".join(lines)


def _move_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    line = rng.choice(lines)
    if rng.random() < 0.5:
        lines.remove(line)
    lines.insert(rng.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


_OF_TEXT: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut,
    _insert,
    _flip,
    _indent,
    _move_line,
    _truncate,
)


def mutated_table(text: str, rng: random.Random) -> bytes:
    """Mutate cells of a CSV table, its columns, or its text."""
    if rng.random() < 0.4:
        content = text.encode()
        for _ in range(rng.randint(1, 3)):
            content = rng.choice(_OF_TEXT)(content, rng)
        return content
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.randint(1, 3)):
        action, row = rng.randrange(5), rng.randrange(len(rows))
        column = rng.randrange(len(rows[row]) or 1)
        if action == 0:
            for line in rows[1:]:
                line[min(column, len(line) - 1)] = rng.choice(_CELLS)
        elif action == 1:
            rows.insert(row, list(rows[row]))
        elif action == 2:
            rows = [line[:column] + line[column + 1 :] or [""] for line in rows]
        else:
            rows[row][min(column, len(rows[row]) - 1)] = rng.choice(_CELLS)
    separator = rng.choice((",", ",", ",", ";", "\t"))
    return "\n".join(separator.join(line) for line in rows).encode()
