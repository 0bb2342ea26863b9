"""What a stranger has: the wheel in a clean environment of each Python, and a folder that is no checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from places import ROOT

SHOPS = """Filiale;Woche;Umsatz;Preis;Aktion
""" + "".join(
    f"{shop};2025-{1 + week // 4:02d}-{1 + 7 * (week % 4):02d};"
    f"{1000 + 150 * place + 90 * ((week + place) % 3 == 0) + (37 * week * (place + 1)) % 41};"
    f"{2 + (3 * week + place) % 5 / 10:.2f}" + f";{int((week + place) % 3 == 0)}\n"
    for place, shop in enumerate(("Nord", "Mitte", "Süd"))
    for week in range(40)
)
STUDY = """
study: shops
data: {file: shops.csv, firm: Filiale, time: Woche, sales: Umsatz, efforts: [Preis, Aktion]}
models: {form: investment, response: mnl}
validation: {holdout: 0.2}
store: runs
cluster: {kind: serial}
"""
PYTHONS = ("3.12", "3.13")


class Installed:
    """A clean environment with the wheel in it, and a folder to work in."""

    def __init__(self, folder, python):
        self.work, self.environment = folder / "work", folder / "venv"
        self.work.mkdir()
        uv = [sys.executable, "-m", "uv"] if shutil.which("uv") is None else ["uv"]
        if subprocess.run([*uv, "--version"], capture_output=True).returncode:
            pytest.skip("needs uv, to find another Python")
        made = subprocess.run(
            [*uv, "venv", "--python", _interpreter(python), str(self.environment)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"no Python {python} here: {made.stderr.strip()}")
        (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder / "dist"), versions=["standard"])
        install = [*uv, "pip", "install", "--python", str(self.environment), str(wheel)]
        subprocess.run(install, check=True, capture_output=True, timeout=600)

    def run(self, command, *arguments):
        """Call a program of the environment; what it printed."""
        keep = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
        done = subprocess.run(
            [str(self.environment / "bin" / command), *arguments],
            cwd=self.work,
            env=keep,
            capture_output=True,
            text=True,
            timeout=3600,  # kernels are compiled, which takes a machine that does other things long
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _interpreter(python):
    """A Python of pyenv, which uv does not look for, or the version for uv to find."""
    known = Path.home().glob(f".pyenv/versions/{python}.*/bin/python")
    return str(next(known, python))


@pytest.mark.long
@pytest.mark.parametrize("python", PYTHONS)
def test_a_stranger_comes_to_a_verdict(tmp_path, python):
    installed = Installed(tmp_path, python)
    (installed.work / "shops.csv").write_text(SHOPS)
    (installed.work / "study.yaml").write_text(STUDY)
    assert "ready to run" in installed.run("beed", "check", "study.yaml")
    assert "Verdict" in installed.run("beed", "run", "study.yaml")
    assert "Models (medians over markets" in installed.run("beed", "show", "runs")
    assert "Preis" in installed.run("beed", "effects", "runs")
    installed.run("beed", "report", "runs", "--out", "page.html")
    assert "Verdict" in (installed.work / "page.html").read_text()
    said = installed.run(
        "python", "-c", "import beed; print(beed.__version__); print(beed.open_store('runs').table('params'))"
    )
    assert "Preis" in said
    assert not any(
        Path(line).is_relative_to(ROOT)
        for line in installed.run(
            "python", "-c", "import beed, sys; print(beed.__file__); print(*sys.path, sep='\\n')"
        ).split()
    )
