"""What the README and the site show is so: their blocks of code, their commands with outputs, their settings.

``pytest -m long tests/test_documentation.py`` runs them on the studies that ship, and holds numbers closer.
"""

import doctest
import inspect
import tomllib

import pytest
import yaml
from numpydoc.validate import validate
from pages import PAGES, disagreement, examples_of, not_run
from places import ROOT
from typer.main import get_command
from workshop import Workshop, merged

import beed
from pipeline.cli.app import app
from pipeline.config.load import load_study

SETTINGS = {
    "scenario": beed.Scenario,
    "plan": beed.PlanSettings,
    "game": beed.GameSettings,
    "allocation": beed.AllocationSettings,
}
# What a page may be off by: with the small studies of every day, and with those that ship.
CLOSE = 0.01
# What is not run here, and why, as the pages say it.
_CLONE = [(one, "the tests run in what these make") for one in ("pip install uv", "uv run pytest")]
NOT_RUN = {
    "README.md": [
        *_CLONE,
        ("uv run beed run configs/orange_juice.yaml --cluster slurm", "needs a SLURM cluster"),
        ("uv run beed explore runs/sales", "goes on until it is stopped"),
    ],
    "notebooks/explanation/trust.md": [
        ("model                market", "the store is one of tests/benchmarks/noise_coverage.py")
    ],
    "notebooks/howto/cluster.md": [
        (
            "uv run beed run configs/orange_juice.yaml --cluster tcp://scheduler:8786",
            "needs the scheduler of a dask cluster of this name",
        ),
        ("uv run pytest", "needs a SLURM node"),
    ],
    "notebooks/howto/explore.md": [
        ("uv run beed explore runs/mall", "goes on until it is stopped"),
        ("Exploring runs/mall", "is printed by the command above"),
        ("/market?", "an address"),
    ],
    "notebooks/howto/programs.md": [
        ("{", "the metrics of one run, shortened"),
        ("import arviz_stats, beed", "needs a store with replicates, and samples for a minute"),
    ],
    "notebooks/howto/recalibration.md": [
        ("uv run beed schedule configs/mall_recalibrated.yaml", "goes on until it is stopped")
    ],
    "notebooks/howto/scale.md": [
        (
            "uv run python tests/benchmarks/million.py data",
            "makes a million fits; a part of them is the second command",
        )
    ],
    "notebooks/index.md": [("pip install beed", "tests/test_installed.py installs the wheel")],
    "notebooks/reference/environment.md": [
        ("beed --install-completion", "changes the settings of the shell")
    ],
    "notebooks/reference/python.md": [("import os, sys", "ends the process")],
    "notebooks/reference/store.md": [("/panels/<data hash>", "a drawing of what is in a store")],
    "notebooks/tutorial/first_steps.md": _CLONE,
}


class Evaluator:
    """Runs a block of a page in a workshop."""

    def __init__(self):
        self.workshop, self.tolerance = None, CLOSE

    def __call__(self, example):
        block = example.parsed
        if "" in block.left_out[0]:
            return None
        return getattr(self, f"_{block.language or 'nothing'}", self._nothing)(example, block)

    def _nothing(self, example, block):
        return f"a block of `{block.language}` cannot be held against anything: say how it is run, or why not"

    def _text(self, example, block):
        if block.kind == "file":
            lines = (self.workshop.folder / block.comment).read_text().splitlines()
            return [line for line in block.text.splitlines() if line not in lines]
        return self._nothing(example, block)

    def _python(self, example, block):
        self.workshop.provide(block.text)
        code = compile("\n" * example.line + block.text, example.path, "exec")
        exec(code, example.namespace)
        return

    def _console(self, example, block):
        wrong = []
        if block.kind == "long" and not self.workshop.whole:
            return understood(block)
        later = [one.text for one in commands_with_output(example.document)]
        for command in block.commands():
            if not command.shown and command.text in later:
                continue  # it is run there
            program, *arguments = command.words
            if program != "beed":
                return f"`{program}` is not run here: say why in a comment before the block"
            self.workshop.provide(command.text)
            if arguments[0] == "init":
                (self.workshop.folder / "study.yaml").unlink(missing_ok=True)
            code, said = self.workshop.beed(*arguments)
            if code not in command.exit_codes:
                wrong.append(f"`{command.text}` ended with exit code {code}:\n{said}")
            elif off := disagreement(command.shown, said, self.tolerance):
                wrong.append(f"`{command.text}`: {off}")
        return "\n".join(wrong)

    _sh = _console

    def _yaml(self, example, block):
        content = yaml.safe_load(block.text)
        folder = self.workshop.folder
        if block.kind == "file":
            whole = yaml.safe_load((folder / block.comment).read_text())
            return {key: value for key, value in content.items() if whole.get(key) != value}
        if "scenario" in content or block.kind == "settings":
            SETTINGS[block.comment or "scenario"].model_validate(content)
            return None
        if block.kind == "into":
            content = merged(yaml.safe_load((folder / block.comment).read_text()), content)
        elif "study" not in content:
            return "settings without a study: say in a comment before them which study they go into"
        study = folder / "configs" / "page.yaml"
        study.write_text(yaml.safe_dump(content, allow_unicode=True))
        load_study(study)
        return None


def commands_with_output(document):
    """The commands of a page whose output it shows."""
    blocks = [region.parsed for _, region in document.regions if region.parsed.language == "console"]
    return [command for block in blocks for command in block.commands() if command.shown]


def understood(block):
    """Tell which commands of a block have options that there are not."""
    commands = get_command(app).commands
    for command in block.commands():
        program, name, *arguments = command.words
        assert program == "beed"
        commands[name].make_context(name, arguments)


EVALUATOR = Evaluator()
DOCUMENTS = {str(page.relative_to(ROOT)): examples_of(page, EVALUATOR) for page in PAGES}
EXAMPLES = [
    pytest.param(example, id=f"{name.removeprefix('notebooks/')}:{example.line}")
    for name, document in DOCUMENTS.items()
    for example in document
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"), whole=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"), whole=True)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_page_shows_is_so(example, small, monkeypatch):
    evaluate(example, small, CLOSE, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_page_shows_is_so_of_the_studies_that_ship(example, whole, monkeypatch):
    evaluate(example, whole, CLOSE / 5, monkeypatch)


def evaluate(example, workshop, tolerance, monkeypatch):
    monkeypatch.setattr(EVALUATOR, "workshop", workshop)
    monkeypatch.setattr(EVALUATOR, "tolerance", tolerance)
    monkeypatch.chdir(workshop.folder)
    example.evaluate()


def test_nothing_is_left_out_silently():
    found = {name: left for name, document in DOCUMENTS.items() if (left := not_run(document))}
    assert list(found) == list(NOT_RUN)
    for name, left in found.items():
        for (command, reason), (begin, why) in zip(left, NOT_RUN[name], strict=True):
            assert (reason, command[: len(begin)]) == (why, begin)


# Everything public, and what is asked of a store.
NAMES = [name for name in beed.__all__ if not name.startswith("__")]
FACE = {f"beed.{name}": getattr(beed, name) for name in NAMES} | {
    f"beed.ResultStore.{name}": member
    for kind in reversed(beed.ResultStore.__mro__[:-1])
    for name, member in vars(kind).items()
    if not name.startswith("_") and name != "of_tables"  # for the rooms above it
}
CHECKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"]["checks"]


def wrong_in(name):
    """What numpydoc finds wrong in the docstring of a public name."""
    member = inspect.unwrap(getattr(FACE[name], "__func__", FACE[name]))
    kept = set(CHECKS[1:])
    if member in (beed.Study, *SETTINGS.values()):  # the reference has their keys one by one
        kept |= {"PR01", "EX01"}
    if "ResultStore." in name:  # reference/python.md asks them all, one after the other
        kept |= {"EX01"}
    full = f"{beed.ResultStore.__module__}.{name.removeprefix('beed.')}"
    if "ResultStore." not in name:
        full = f"{member.__module__}.{member.__qualname__}"
    return [text for code, text in validate(full)["errors"] if code not in kept]


def test_numpydoc_finds_nothing_wrong_in_the_public_face():
    assert CHECKS[0] == "all"
    assert {name: wrong for name in FACE if (wrong := wrong_in(name))} == {}


def test_every_public_function_says_what_it_raises():
    silent = [
        name
        for name, one in FACE.items()
        if inspect.isfunction(one) and "ResultStore" not in name and "Raises\n" not in one.__doc__
    ]
    assert silent == ["beed.held_share", "beed.investment_against", "beed.required_investment"]  # are sums


DOCTESTS = [
    found
    for name, member in FACE.items()
    for found in doctest.DocTestFinder(recurse=False).find(member, name, globs={"beed": beed})
    if found.examples
]


@pytest.mark.parametrize("found", DOCTESTS, ids=lambda found: found.name)
def test_examples_of_docstrings_are_so(found, small, monkeypatch):
    monkeypatch.chdir(small.folder)
    small.provide("runs/ledger")
    found.globs["store"] = beed.open_store("runs/ledger")  # as the class says
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(found, out=said.append)
    assert not runner.failures, "".join(said)
