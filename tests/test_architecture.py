"""The order of the house: imports point one way, heavy libraries have one owner, nothing outgrows its place.

Every guard is a function of `house` that gives offences as sentences; each is shown here to see one.
"""

import ast
import tomllib
from importlib import import_module
from importlib.metadata import version

import pytest
from house import (
    House,
    circles,
    crowded_folders,
    face_offences,
    function_length,
    long_files,
    long_functions,
    longest_chain,
    order_offences,
    owner_offences,
)
from places import ROOT

import beed
import kernels
import pipeline

TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["beed"]
HOUSE = House(ROOT)
MOST_FILES, MOST_LINES, LONGEST_FUNCTION, LONGEST_CHAIN = 16, 400, 60, 14


def plant(folder, files):
    """Write a small house: sources by path, without their ending."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(folder)


def test_both_packages_are_read_with_all_their_folders():
    for package in ("kernels", "pipeline"):
        modules = [module for module in HOUSE.files if module.startswith(f"{package}.")]
        assert len(modules) > 30
        assert {module.count(".") for module in modules} >= {1, 2}


def test_rooms_import_only_from_those_below():
    assert order_offences(HOUSE, TABLE["rooms"], TABLE["strangers"]) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import pipeline.cli.app", "line 1, module level"),
        ("def f():\n    from pipeline.cli import app", "line 2, function"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pipeline.cli.app import main",
            "typing",
        ),
        ("HOME = 'pipeline.cli.app:main'", "line 1, string"),
        ("from pipeline.store.store import Store", "pipeline.store is not below pipeline.config"),
        ("from pipeline.panel.market import *", "pipeline.config knows nothing of pipeline.panel"),
        ("import pipeline", "the public face is for others"),
    ],
)
def test_an_import_upwards_is_seen_wherever_it_hides(tmp_path, text, said):
    house = plant(
        tmp_path,
        {
            "pipeline/__init__": "",
            "pipeline/cli/app": "",
            "pipeline/store/store": "",
            "pipeline/panel/market": "",
            "pipeline/config/study": text,
        },
    )
    rooms = [["pipeline.cli"], ["pipeline.config", "pipeline.store"], ["pipeline.panel"]]
    (offence,) = order_offences(house, rooms, [["pipeline.config", "pipeline.panel"]])
    assert said in offence


def test_a_module_without_a_room_is_seen(tmp_path):
    house = plant(tmp_path, {"pipeline/__init__": "", "pipeline/attic/trunk": ""})
    assert order_offences(house, [["pipeline.cli"]]) == ["pipeline.attic.trunk has no room"]


def test_names_come_from_their_own_files():
    assert face_offences(HOUSE) == []


def test_a_name_taken_from_a_face_is_seen(tmp_path):
    house = plant(
        tmp_path,
        {
            "pipeline/store/__init__": "",
            "pipeline/store/read": "",
            "pipeline/cli": "from pipeline.store import Store\nfrom pipeline.store import read",
        },
    )
    (offence,) = face_offences(house)
    assert "take Store from its own file" in offence


def test_every_face_gives_what_it_names():
    faces = [module for module in HOUSE.files if HOUSE.is_package(module)]
    assert len(faces) > 20
    for module in faces:
        face = import_module(module)
        for name in getattr(face, "__all__", ()):
            assert getattr(face, name) is not None
            assert name in dir(face)


def test_heavy_libraries_have_one_owner():
    assert owner_offences(HOUSE, TABLE["owners"]) == []


def test_a_stranger_to_a_library_is_seen(tmp_path):
    house = plant(tmp_path, {"pipeline/cli/app": "def f():\n    import dask.array"})
    strange, unused = owner_offences(house, {"dask": ["pipeline.executors"], "numba": ["kernels"]})
    assert "pipeline.cli.app (line 2, function) imports dask.array, which belongs to" in strange
    assert "nothing imports numba" in unused


def test_imports_go_in_no_circle():
    assert circles(HOUSE.graph()) == []


def test_a_circle_through_a_function_is_seen(tmp_path):
    house = plant(
        tmp_path,
        {
            "kernels/a": "from kernels import b",
            "kernels/b": "from kernels.c import x",
            "kernels/c": "def f():\n    from kernels import a",
        },
    )
    assert circles(house.graph()) == [["kernels.a", "kernels.b", "kernels.c", "kernels.a"]]
    assert circles(house.graph("module level")) == []


def test_chains_of_imports_stay_short():
    chain = longest_chain(HOUSE.graph("module level"))
    assert len(chain) <= LONGEST_CHAIN, " -> ".join(chain)


def test_the_longest_chain_is_found(tmp_path):
    house = plant(
        tmp_path,
        {
            "kernels/a": "from kernels import b, d",
            "kernels/b": "import kernels.c",
            "kernels/c": "",
            "kernels/d": "",
        },
    )
    assert longest_chain(house.graph()) == ["kernels.a", "kernels.b", "kernels.c"]


def test_no_folder_file_or_function_outgrows_its_place():
    assert crowded_folders(HOUSE, MOST_FILES) == []
    assert long_files([*HOUSE.files.values(), *(ROOT / "tests").rglob("*.py")], MOST_LINES) == []
    assert long_functions(HOUSE, LONGEST_FUNCTION) == []


def test_what_outgrows_its_place_is_seen(tmp_path):
    long = "def f():\n" + "    pass\n" * 9
    house = plant(tmp_path, {"kernels/a": "", "kernels/b": "", "kernels/c/d": long})
    (folder,) = crowded_folders(house, 1)
    assert "kernels: 2 files, at most 1" in folder
    (file,) = long_files(list(house.files.values()), 9)
    assert "d.py: 10 lines, at most 9" in file
    (function,) = long_functions(house, 9)
    assert function == "kernels.c.d.f (line 1): 10 lines, at most 9"
    assert long_functions(house, 10) == []


def test_a_function_is_measured_without_its_docstring():
    (node,) = ast.parse('@cache\ndef f():\n    """One\n    two.\n    """\n    return 1\n').body
    assert function_length(node) == 2


def test_public_names():
    assert kernels.__all__ == ["fit_batch", "share_sensitivities", "simulate_shares"]
    assert all(callable(getattr(kernels, name)) for name in kernels.__all__)
    assert pipeline.__all__ == [
        *(
            "AllocationSettings",
            "BeedError",
            "GameSettings",
            "PlanSettings",
            "ResultStore",
            "Scenario",
            "Study",
        ),
        *("allocate", "effects", "explain", "flight_plan", "forecast", "held_share", "investment_against"),
        *("load_study", "open_store", "play", "propose_experiment", "recalibrate_study"),
        *("required_investment", "returns"),
        *("run_study", "store_forecast", "write_report"),
    ]
    assert all(callable(getattr(pipeline, name)) for name in pipeline.__all__)
    with pytest.raises(AttributeError, match="No kernels attribute simulate_share"):
        kernels.simulate_share  # noqa: B018


def test_the_module_beed_is_the_public_face_of_both():
    assert dir(beed) == sorted(beed.__all__)
    assert {*pipeline.__all__, "__version__"} == set(beed.__all__)
    assert all(getattr(beed, name) is getattr(pipeline, name) for name in pipeline.__all__)
    assert beed.__version__ == version("beed")
    with pytest.raises(AttributeError, match="has no attribute 'open_stores'"):
        beed.open_stores  # noqa: B018
