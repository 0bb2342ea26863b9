"""A folder as the pages of the documentation take for granted: the studies that ship, and their stores."""

import os
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, timedelta
from io import BytesIO, TextIOWrapper
from pathlib import Path

import yaml
from places import CONFIGS

from pipeline.cli.app import main

# All models in all 83 stores take hours; pages name the model and the market that they ask.
_ORANGE_JUICE = {
    "data": {"markets": [5, 8]},
    "models": {"form": "investment", "response": "mnl"},
    "validation": {"baselines": ["last", "mean", "wiener"]},
}
# What makes the studies small enough for every day, and leaves what pages show of them as it is: fewer starts
# find the same optima, forecasts of a market do not ask for the others, nor for how good they were.
_SMALL = {
    "mall": {"fit": {"starts": 2}},
    "mall_tested": {"fit": {"starts": 2}},
    "ledger": {"fit": {"starts": 2}},
    "us_autos_step": {
        "fit": {"starts": 2},
        "validation": {"origins": 2, "step": 3, "baselines": ["last", "wiener"]},
    },
}
# Three shops, with semicolons and decimal commas.
_SHOPS = "Filiale;Woche;Umsatz (EUR);Preis;Aktion;Werbeausgaben\n" + "".join(
    f"{shop};{date(2025, 1, 6) + timedelta(weeks=week):%d.%m.%Y};"
    + f"{sales:.2f};{2 + (3 * week + place) % 5 / 10:.2f};{promoted:d};{spent:.2f}\n".replace(".", ",")
    for place, shop in enumerate(("Nord", "Mitte", "Süd"))
    for week in range(52)
    for promoted, spent in [((week + place) % 3 == 0, 20 + (13 * week + 7 * place) % 60)]
    for sales in [1000 + 150 * place + 90 * promoted + (37 * week * (place + 1)) % 41 + spent]
)
_DATES = ("2025-06-30", "2025-07-07", "2025-07-14")


class Workshop:
    """A folder with `configs`, in which stores are calibrated when something asks for them.

    Parameters
    ----------
    folder
        Where it is to be.
    whole
        Whether the studies are the ones that ship, or small ones that come to the same where pages show it.
        Of orange juice it is always one model in two stores.
    """

    def __init__(self, folder: Path, *, whole: bool) -> None:
        self.folder, self.whole = folder, whole
        shutil.copytree(CONFIGS, folder / "configs", ignore=shutil.ignore_patterns("runs"))
        (folder / "laeden.csv").write_text(_SHOPS)
        (folder / "sales.csv").write_text(_SHOPS.replace("Nord", "Your firm"))
        self.studies = {}
        for path in sorted((folder / "configs").glob("*.yaml")):
            content = yaml.safe_load(path.read_text())
            self.studies[Path(content["store"]).name] = path
            changes = _ORANGE_JUICE if path.stem == "orange_juice" else {}
            if not whole:
                changes = changes | _SMALL.get(path.stem, {}) | {"cluster": {"kind": "serial"}}
            if changes:
                path.write_text(yaml.safe_dump(merged(content, changes), allow_unicode=True, sort_keys=False))

    def provide(self, text: str) -> None:
        """Calibrate the stores that a text speaks of and that are not there."""
        for store in dict.fromkeys(re.findall(r"\bruns/([\w-]+)", text)):
            if store in self.studies and not (self.folder / "runs" / store).exists():
                study = f"configs/{self.studies[store].name}"
                if store == "mall-recalibrated":
                    for date in _DATES:
                        self.beed("recalibrate", study, "--date", date)
                else:
                    self.beed("run", study)

    def beed(self, *arguments: str) -> tuple[int, str]:
        """Run `beed` in the folder, in this process; its exit code and what it printed."""
        said, before = TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True), Path.cwd()
        os.chdir(self.folder)
        try:
            with redirect_stdout(said), redirect_stderr(said):
                main(arguments)
        except SystemExit as leaving:
            return int(leaving.code or 0), said.buffer.getvalue().decode()
        finally:
            os.chdir(before)
        raise AssertionError("the command line leaves with an exit code")


def merged(content, changes):
    """A study with the keys of another one, section by section, but for `cluster`, whose keys go by kind."""
    both = {key: content[key] | changes[key] for key in _both(content, changes) if key != "cluster"}
    return content | changes | both


def _both(content, changes):
    return [key for key in changes if isinstance(changes[key], dict) and isinstance(content.get(key), dict)]
