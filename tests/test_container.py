"""The steps of the container, in a clean environment of their own: there is no daemon to build it with."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
SALES = "store,brand,week,sales,price\n" + "".join(
    f"{s},{b},{w},{100 + 10 * b + (7 * w * (b + 1) + 3 * s) % 11},{1 + (3 * w + b) % 5 / 10}\n"
    for s in (1, 2)
    for b in (0, 1, 2)
    for w in range(16)
)
STUDY = """
study: contained
data: {file: sales.csv, market: store, firm: brand, time: week, sales: sales, efforts: [price]}
models: {form: investment, response: mnl}
store: runs
"""


class Stage:
    """Does the steps of a Dockerfile with a folder for the root of the image."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        for name in ("stubs", "home", "data"):
            (folder / name).mkdir()
        # Users are the image's affair: here there is only one.
        (folder / "stubs" / "useradd").write_text("#!/bin/sh\n")
        (folder / "stubs" / "useradd").chmod(0o755)
        path = os.pathsep.join([f"{folder}/venv/bin", f"{folder}/stubs", os.environ["PATH"]])
        self.environment = {"PATH": path, "HOME": str(folder / "home")}
        self.entry = None

    def place(self, path):
        return str(self.folder) + path

    def do(self, step, rest):
        if step == "COPY":
            source, target = rest.split()
            Path(self.place(target)).mkdir(parents=True)
            for file in ROOT.glob(source) if not source.startswith("dist") else self.wheels:
                shutil.copy(file, self.place(target))
        elif step == "RUN":
            self.run(re.sub(r"(?<= )/opt", self.place("/opt"), rest))
        elif step == "ENTRYPOINT":
            (self.entry,) = re.findall(r'"(\w+)"', rest)
        else:
            assert step in ("FROM", "USER", "WORKDIR")

    def run(self, command):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=self.environment,
            cwd=self.folder / "data",
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.long
def test_the_container_runs_a_study(tmp_path):
    stage = Stage(tmp_path)
    dist = tmp_path / "dist"
    stage.wheels = [
        Path(one) for one in WheelBuilder(str(ROOT)).build(directory=str(dist), versions=["standard"])
    ]
    for line in (ROOT / ".container" / "Dockerfile").read_text().splitlines():
        if line and not line.startswith("#"):
            stage.do(*line.split(" ", 1))
    (tmp_path / "data" / "sales.csv").write_text(SALES)
    (tmp_path / "data" / "study.yaml").write_text(STUDY)
    assert "2 fits" in stage.run(f"{stage.entry} run study.yaml")
    assert any((tmp_path / "home" / ".cache" / "beed").rglob("*.nbi"))
    assert "investment-mnl" in stage.run(f"{stage.entry} query runs --param price --format csv")
