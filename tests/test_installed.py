"""What a stranger has: the wheel in a clean environment of each Python, and a folder that is no checkout."""

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from chromium import browser
from hatchling.builders.wheel import WheelBuilder
from places import ROOT

SHOPS = "Filiale;Woche;Umsatz;Preis;Aktion\n" + "".join(
    f"{shop};{day:%d.%m.%Y};"
    + f"{sales:.2f};{2 + (3 * week + place) % 5 / 10:.2f};{promoted:d}\n".replace(".", ",")
    for place, shop in enumerate(("Nord", "Mitte", "Süd"))
    for week in range(52)
    for day in [date(2025, 1, 6) + timedelta(weeks=week)]
    for promoted in [(week + place) % 3 == 0]
    for sales in [1000 + 150 * place + 90 * promoted + (37 * week * (place + 1)) % 41]
)
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
        (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder / "dist"), versions=["standard"])
        wheel = Path(built)
        install = [
            *uv,
            "pip",
            "install",
            "--python",
            str(self.environment),
            f"beed[explore] @ {wheel.as_uri()}",
        ]
        subprocess.run(install, check=True, capture_output=True, timeout=600)

    @contextmanager
    def beside(self, command, *arguments):
        """Run a program of the environment as long as the block lasts; gives what it prints."""
        program = str(self.environment / "bin" / command)
        running = subprocess.Popen(
            [program, *arguments],
            cwd=self.work,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield running.stdout
        finally:
            running.terminate()
            running.communicate(timeout=60)

    def run(self, command, *arguments):
        """Call a program of the environment; what it printed."""
        done = subprocess.run(
            [str(self.environment / "bin" / command), *arguments],
            cwd=self.work,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=3600,  # kernels are compiled, which takes a machine that does other things long
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _environment():
    """The same for all programs, whatever the tests run under: what one has compiled another finds."""
    return {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}


def _interpreter(python):
    """A Python of pyenv, which uv does not look for, or the version for uv to find."""
    known = Path.home().glob(f".pyenv/versions/{python}.*/bin/python")
    return str(next(known, python))


def explore(installed, store):
    """Open the pages of a store, and move a slider of a market."""
    with installed.beside("beed", "explore", store, "--no-browser") as said, browser() as chromium:
        link = next(line.strip() for line in said if line.startswith("http://127.0.0.1:"))
        page = chromium.new_page()
        page.set_default_timeout(120_000)
        page.goto(link)
        page.get_by_role("heading", name="What was found").wait_for()
        page.get_by_text("Use ", exact=False).first.wait_for()
        page.goto(link.split("?")[0] + "market")
        slider = page.get_by_role("slider").first
        slider.focus()
        # What is may be an end already.
        slider.press("End")
        slider.press("ArrowLeft")
        # EFFORT@FIRM=VALUE.
        page.wait_for_url(re.compile("%40"))


@pytest.mark.long
@pytest.mark.parametrize("python", PYTHONS)
def test_a_stranger_comes_to_a_verdict(tmp_path, python):
    installed = Installed(tmp_path, python)
    (installed.work / "laeden.csv").write_text(SHOPS)
    said = installed.run("beed", "init", "laeden.csv")
    assert "firm: Filiale" in said
    assert "decimal ,:" in said
    assert "ready to run" in installed.run("beed", "check", "study.yaml")
    assert "Verdict" in installed.run("beed", "run", "study.yaml")
    store = "runs/laeden"
    assert "Models (medians over markets" in installed.run("beed", "show", store)
    assert "preis" in installed.run("beed", "effects", store)
    installed.run("beed", "report", store, "--out", "page.html")
    assert "<svg" in (installed.work / "page.html").read_text()
    asked = f"import beed; print(beed.__version__); print(beed.open_store({store!r}).table('params'))"
    assert "preis" in installed.run("python", "-c", asked)
    where = installed.run("python", "-c", "import beed, sys; print(beed.__file__, *sys.path, sep='\\n')")
    assert not any(Path(line).is_relative_to(ROOT) for line in where.split())
    # Last, as it skips where there is no browser.
    explore(installed, store)


@pytest.mark.long
def test_an_engineer_keeps_a_calibration_current(tmp_path):
    installed = Installed(tmp_path, PYTHONS[-1])
    (installed.work / "laeden.csv").write_text(SHOPS)
    installed.run("beed", "init", "laeden.csv")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    address, store = f"tcp://127.0.0.1:{port}", "runs/laeden"
    options = ("--host", "127.0.0.1", "--dashboard-address", ":0")
    with (
        installed.beside("dask", "scheduler", "--port", port, *options),
        installed.beside("dask", "worker", address, "--nthreads", "1", "--no-dashboard"),
    ):
        assert "Verdict" in installed.run("beed", "run", "study.yaml", "--cluster", address)
    for until in ("2025-11-03", "2025-12-01"):
        installed.run("beed", "recalibrate", "study.yaml", "--date", until)
    assert (
        installed.run("beed", "history", store, "--param", "aktion", "--format", "csv").count("2025-1") == 2
    )
    counted = installed.run(
        "beed", "query", store, "--sql", "select count(*) as n from fits", "--format", "csv"
    )
    assert int(counted.split()[1]) > 0
