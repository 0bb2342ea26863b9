"""The order of the house: imports point one way, heavy libraries have one owner, public names are known."""

import ast
import tomllib
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import pytest

import kernels
import pipeline

ROOT = Path(__file__).parent.parent
OWNERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["beed"]["owners"]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for package in ("kernels", "pipeline")
    for path in sorted((ROOT / package).glob("*.py"))
}


def imports_of(tree, top_level_only=False):
    body = tree.body if top_level_only else ast.walk(tree)
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_kernels_never_import_the_pipeline():
    for module, tree in SOURCES.items():
        if module.startswith("kernels"):
            assert not [name for name in imports_of(tree) if name.startswith("pipeline")], module


@pytest.mark.parametrize("library", OWNERS)
def test_heavy_libraries_have_one_owner(library):
    users = {
        module
        for module, tree in SOURCES.items()
        if any(name == library or name.startswith(f"{library}.") for name in imports_of(tree))
    }
    assert users, f"nothing imports {library}: take it out of the table"
    strangers = {user for user in users if not any(fnmatch(user, owner) for owner in OWNERS[library])}
    assert not strangers, f"{sorted(strangers)} import {library}, which belongs to {OWNERS[library]}"


def test_imports_have_no_cycle():
    graph = defaultdict(set)
    for module, tree in SOURCES.items():
        graph[module] = {name for name in imports_of(tree, top_level_only=True) if name in SOURCES} - {module}
    state = {}

    def visit(module, trail):
        assert state.get(module) != "open", f"imports go in a circle: {' -> '.join((*trail, module))}"
        if module not in state:
            state[module] = "open"
            for other in sorted(graph[module]):
                visit(other, (*trail, module))
            state[module] = "done"

    for module in SOURCES:
        visit(module, ())


def test_no_file_outgrows_its_abstraction():
    lengths = {path: len(path.read_text().splitlines()) for path in ROOT.glob("[kpt]*/**/*.py")}
    assert lengths
    assert {str(path): length for path, length in lengths.items() if length > 400} == {}


def test_public_names():
    assert kernels.__all__ == ["share_sensitivities", "simulate_shares"]
    assert callable(kernels.simulate_shares)
    assert pipeline.__all__ == [
        *("BeedError", "PlanSettings", "ResultStore", "Study", "flight_plan", "held_share"),
        *("investment_against", "load_study", "open_store", "recalibrate_study"),
        *("required_investment", "run_study", "write_report"),
    ]
    assert all(callable(getattr(pipeline, name)) for name in pipeline.__all__)
    with pytest.raises(AttributeError, match="no attribute"):
        kernels.simulate_share  # noqa: B018
