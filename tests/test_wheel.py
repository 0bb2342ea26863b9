"""What is installed is what is here: the wheel has every file of both packages, and the command."""

import zipfile
from configparser import ConfigParser
from pathlib import Path
from pkgutil import resolve_name

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    (path,) = WheelBuilder(str(ROOT)).build(
        directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"]
    )
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_every_file_of_the_packages_is_in_it(wheel):
    files = {
        str(path.relative_to(ROOT)).removeprefix("pipeline/face/")
        for package in ("kernels", "pipeline")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files.add("pipeline/proposing/mall.yaml")  # put in from configs
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == files


@pytest.mark.parametrize(
    "name",
    [
        "kernels/py.typed",
        "pipeline/py.typed",
        "pipeline/explore/static/explore.js",
        "pipeline/explore/templates/base.html",
        "pipeline/reporting/templates/report.css",
        "pipeline/reporting/templates/report.html",
    ],
)
def test_files_that_are_not_python_are_in_it(wheel, name):
    assert name in wheel.namelist()


def test_its_command_can_be_called(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(name).decode())
    assert list(entry_points["console_scripts"]) == ["beed"]
    assert callable(resolve_name(entry_points["console_scripts"]["beed"]))
