"""Mutants of the files that users write (studies, accounts, scenarios, plans, games, tables), and trials of them.

A mutant is a file with one to three things wrong. Whatever is wrong, `beed` must answer with one of its own errors,
or not mind, within seconds. Mutants follow from a seed and a number, so that each can be made again.
"""

import copy
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import yaml
from places import CONFIGS

from pipeline.config.load import load_study
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import Scenario
from pipeline.config.settings import load_settings
from pipeline.config.yaml.document import read_yaml
from pipeline.errors import BeedError
from pipeline.panel.open import open_study_panel
from pipeline.sweep.coordinator import plan_study

SLOW = 10.0
"""Seconds that no answer may take."""
_HANGS = 30
_LARGEST_PANEL = 200_000
"""Numbers in a simulated panel that is made; larger ones are legal, and take their time."""

_PLAN = """
firm: Burabay
market: m
target: 0.4
by: 2027-06
path: linear
bounds: {price: [0, 0.1], promotion: [null, 0.2]}
prices: {credit: 1000}
"""
_GAME = """
market: m
margin: {Burabay: 0.3, Altai: 0.2}
strategy: efforts
horizon: 12
bounds: {price: [0, 0.1]}
"""
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


@dataclass(frozen=True)
class Mutant:
    """A file with something wrong.

    Attributes
    ----------
    seed, number
        Make it again: ``Mutants(folder, seed).make(number)``.
    kind
        ``study``, ``accounts``, ``scenario``, ``plan``, ``game`` or ``table``.
    name, content
        The file.
    study
        The study that reads it, when it is none itself.
    """

    seed: int
    number: int
    kind: str
    name: str
    content: bytes
    study: str = ""


@dataclass(frozen=True)
class Trial:
    """How a mutant ended: ``fine``, ``refused``, ``traceback`` or ``slow``; `error` says more."""

    mutant: Mutant
    verdict: str
    seconds: float
    error: BaseException | None = None


class Mutants:
    """Makes mutants of the files that ship, and tries them in a folder of small copies of the data.

    Parameters
    ----------
    folder
        An empty folder.
    seed
        Of all mutants.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder, self.seed = folder, seed
        self.studies = {path.name: self._small(path) for path in sorted(CONFIGS.glob("*.yaml"))}
        self.scenarios = {
            path.name: path.read_text() for path in sorted((CONFIGS / "scenarios").glob("*.yaml"))
        }
        self.accounts = (CONFIGS / "data" / "ledger_accounts.yaml").read_text()
        self.tables = self._small_data(folder / "data")
        for name, text in self.studies.items():
            (folder / name).write_text(text)
        # On a fresh computer the first simulation waits for the compiler.
        open_study_panel(load_study(folder / "mall.yaml")).close()

    @staticmethod
    def _small(path: Path) -> str:
        text = path.read_text()
        for many, few in (
            ("markets: 8", "markets: 2"),
            ("firms: 12", "firms: 3"),
            ("periods: 104", "periods: 12"),
        ):
            text = text.replace(many, few)
        return text

    @staticmethod
    def _small_data(data: Path) -> dict[str, str]:
        data.mkdir()
        juice = pd.read_parquet(CONFIGS / "data" / "orange_juice.parquet")
        few = juice["store"].isin(juice["store"].unique()[:2]) & (juice["week"] < juice["week"].min() + 20)
        juice[few].to_parquet(data / "orange_juice.parquet")
        ledger = pd.read_csv(CONFIGS / "data" / "ledger_postings.csv", dtype=str)
        ledger[ledger["date"] < "2023"].to_csv(data / "ledger_postings.csv", index=False)
        for name in ("us_autos.csv", "ledger_accounts.yaml"):
            shutil.copy(CONFIGS / "data" / name, data / name)
        return {
            name: (data / name).read_text()
            for name in ("us_autos.csv", "ledger_postings.csv")
            if (data / name).exists()
        }

    def make(self, number: int) -> Mutant:
        """Make the mutant of a number; the same number makes the same mutant."""
        rng = random.Random(f"{self.seed} {number}")
        kind = rng.choices(("study", "accounts", "scenario", "plan", "game", "table"), (20, 2, 2, 2, 2, 2))[0]
        name, study = "mutant.yaml", ""
        if kind == "table":
            name = rng.choice(sorted(self.tables))
            study = "us_autos_step.yaml" if name == "us_autos.csv" else "ledger.yaml"
            content = _mutated_table(self.tables[name], rng)
        elif kind == "accounts":
            name, study = "ledger_accounts.yaml", "ledger.yaml"
            content = _mutated(self.accounts, rng)
        else:
            files = {"study": self.studies, "scenario": self.scenarios}.get(kind)
            text = files[rng.choice(sorted(files))] if files else {"plan": _PLAN, "game": _GAME}[kind]
            content = _mutated(text, rng)
        return Mutant(self.seed, number, kind, name, content, study)

    def attempt(self, mutant: Mutant) -> Trial:
        """Read a mutant as the commands do, and time the answer."""
        folder = self.folder / "data" if mutant.study else self.folder
        file = folder / mutant.name
        before = file.read_bytes() if mutant.study else None
        file.write_bytes(mutant.content)
        start = time.monotonic()
        try:
            with _limited(_HANGS):
                self._read(mutant, file)
            verdict, error = "fine", None
        except BeedError as refused:
            str(refused)
            verdict, error = "refused", refused
        except BaseException as unforeseen:
            if isinstance(unforeseen, KeyboardInterrupt):
                raise
            verdict, error = "traceback", unforeseen
        finally:
            if before is not None:
                file.write_bytes(before)
        seconds = time.monotonic() - start
        return Trial(mutant, "slow" if seconds > SLOW else verdict, seconds, error)

    def attempts(self, numbers: Iterator[int] | range) -> Iterator[Trial]:
        """Make and try the mutants of some numbers."""
        for number in numbers:
            yield self.attempt(self.make(number))

    def _read(self, mutant: Mutant, file: Path) -> None:
        settings = {"scenario": Scenario, "plan": PlanSettings, "game": GameSettings}.get(mutant.kind)
        if settings is not None:
            load_settings(settings, file, what=mutant.kind)
            return
        study = load_study(self.folder / mutant.study if mutant.study else file)
        simulated = study.simulate
        if simulated is not None:
            axes = (simulated.markets, len(simulated.firms), simulated.periods, len(simulated.efforts) + 1)
            size = 1
            for axis in axes:
                size *= axis
            if size > _LARGEST_PANEL:
                return
        panel = open_study_panel(study)
        try:
            plan_study(study, panel)
        finally:
            panel.close()


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise `TimeoutError` in the block after some seconds."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _mutated(text: str, rng: random.Random) -> bytes:
    """Mutate what a YAML text says, or the text."""
    if rng.random() < 0.3:
        content = text.encode()
        for _ in range(rng.randint(1, 3)):
            content = rng.choice(_OF_TEXT)(content, rng)
        return content
    content = read_yaml(text, "").content
    for _ in range(rng.randint(1, 3)):
        content = _mutated_value(content, rng)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


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


def _mutated_table(text: str, rng: random.Random) -> bytes:
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
