"""The structure of a checkout, read from its sources: modules, imports of every kind, rooms, sizes.

What is asked of the structure are functions that give offences as sentences, so that tests can plant one.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("kernels", "pipeline")
FACE = "pipeline.face.beed"
"""What is installed as the module `beed`: it takes the packages as users do."""
_NAMED = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+(:\w+)?")


@dataclass(frozen=True)
class Import:
    """What one module imports: another module of the house or a library, when, and in which line."""

    source: str
    target: str
    kind: str
    line: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source} (line {self.line}, {self.kind}) imports {self.target}"


@dataclass(frozen=True)
class House:
    """All Python files below some packages."""

    root: Path
    packages: tuple[str, ...] = PACKAGES

    @cached_property
    def files(self) -> dict[str, Path]:
        """Files by the name of their module; a package by its ``__init__``."""
        found = {}
        for package in self.packages:
            for path in sorted((self.root / package).rglob("*.py")):
                parts = path.relative_to(self.root).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Syntax trees by module."""
        return {module: ast.parse(path.read_text()) for module, path in self.files.items()}

    @cached_property
    def imports(self) -> list[Import]:
        """All imports: at module level, under TYPE_CHECKING, in functions, and by name in a string."""
        return [found for module, tree in self.trees.items() for found in self._imports(module, tree)]

    @cached_property
    def inner(self) -> list[Import]:
        """Imports of modules of the house, by modules of the house."""
        return [
            one
            for one in self.imports
            if one.target in self.files and one.target != one.source and one.source != FACE
        ]

    def is_package(self, module: str) -> bool:
        """Tell whether a module is a folder."""
        return self.files[module].name == "__init__.py"

    def graph(self, *kinds: str) -> dict[str, set[str]]:
        """Modules and what they import, in the ways named; in all ways when none is."""
        graph: dict[str, set[str]] = {module: set() for module in self.files}
        for one in self.inner:
            if not kinds or one.kind in kinds:
                graph[one.source].add(one.target)
        return graph

    def _imports(self, module: str, tree: ast.Module) -> Iterator[Import]:
        pending: list[tuple[ast.AST, str]] = [(tree, "module level")]
        while pending:
            node, kind = pending.pop()
            for child in ast.iter_child_nodes(node):
                inside = kind
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                    inside = "function"
                elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                    inside = "typing"
                pending.append((child, inside))
                yield from self._of_node(module, child, inside)

    def _of_node(self, module: str, node: ast.AST, kind: str) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, kind, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                target = inside if inside in self.files else str(node.module)
                yield Import(module, target, kind, node.lineno, "" if inside in self.files else alias.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAMED.fullmatch(node.value):
            target = node.value.partition(":")[0]
            if target in self.files:
                yield Import(module, target, "string", node.lineno)


def order_offences(
    house: House, rooms: list[list[str]], strangers: list[list[str]] | None = None
) -> list[str]:
    """Imports that do not go down the table of rooms, and modules that have no room."""
    floor = {room: number for number, line in enumerate(rooms) for room in line}
    homes = {module: _room(module, floor) for module in house.files}
    roots = set(house.packages)
    offences = [f"{module} has no room" for module, home in homes.items() if not home and module not in roots]
    for one in house.inner:
        source, target = homes[one.source], homes[one.target]
        if one.target in roots:
            offences.append(f"{one}: the public face is for others")
        elif source and target and source != target:
            if floor[source] >= floor[target]:
                offences.append(f"{one}: {target} is not below {source}")
            elif [source, target] in (strangers or []):
                offences.append(f"{one}: {source} knows nothing of {target}")
    return offences


def face_offences(house: House) -> list[str]:
    """Imports of a name from the face of a room, which hide the file that it comes from."""
    return [
        f"{one}: take {one.name} from its own file"
        for one in house.inner
        if one.name and house.is_package(one.target)
    ]


def owner_offences(house: House, owners: Mapping[str, list[str]]) -> list[str]:
    """Imports of a heavy library outside the rooms that own it, and libraries that nothing imports."""
    offences = []
    for library, rooms in owners.items():
        users = [one for one in house.imports if f"{one.target}.".startswith(f"{library}.")]
        if not users:
            offences.append(f"nothing imports {library}: take it out of the table")
        offences += [
            f"{one}, which belongs to {', '.join(rooms)}"
            for one in users
            if not any(f"{one.source}.".startswith(f"{room}.") for room in rooms)
        ]
    return offences


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle of imports for each place where there is one; empty when there is none."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
        elif module not in done:
            for other in sorted(graph[module]):
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return found


def longest_chain(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules of the longest chain in which each imports the next; the graph must have no circle."""
    chains: dict[str, list[str]] = {}

    def chain(module: str) -> list[str]:
        if module not in chains:
            chains[module] = [
                module,
                *max((chain(other) for other in sorted(graph[module])), key=len, default=[]),
            ]
        return chains[module]

    return max((chain(module) for module in graph), key=len)


def crowded_folders(house: House, most: int) -> list[str]:
    """Folders with more Python files than that."""
    counts = Counter(path.parent for path in house.files.values())
    return [f"{folder}: {count} files, at most {most}" for folder, count in counts.items() if count > most]


def long_files(paths: list[Path], most: int) -> list[str]:
    """Files of more lines than that."""
    counts = {path: len(path.read_text().splitlines()) for path in paths}
    return [f"{path}: {count} lines, at most {most}" for path, count in counts.items() if count > most]


def long_functions(house: House, most: int) -> list[str]:
    """Functions of more lines than that, without decorators and docstring."""
    return [
        f"{module}.{node.name} (line {node.lineno}): {length} lines, at most {most}"
        for module, tree in house.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := function_length(node)) > most
    ]


def function_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, without decorators and docstring."""
    length = int(node.end_lineno or 0) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        length -= int(first.end_lineno or 0) - first.lineno + 1
    return length


def _room(module: str, rooms: Mapping[str, int]) -> str:
    return max((room for room in rooms if f"{module}.".startswith(f"{room}.")), key=len, default="")
