"""Every command that prints results prints them as JSON, too: one document, nothing beside it, no NaN."""

import json

import growing
import numpy as np
import pytest
import slow_market
from command_line import beed
from shops import STUDY, run_shops

from pipeline.cli.app import COMMANDS
from pipeline.errors import ExitCode
from pipeline.results.frames.json_text import json_text

ONE = ("--market", 1)
OF_SHOPS = {
    "runs": (),
    "prune": ("--keep", 1, "--dry-run"),
    "verify": (),
    "query": (),
    "show": (),
    "effects": (*ONE, "--effort", "place"),
    "explain": (*ONE, "--firm", "A"),
    "returns": (*ONE, "--firm", "A", "--effort", "place", "--periods", 2),
    "experiment": ("--quantity", "elasticity:place", *ONE, "--firm", "A", "--periods", 2),
    "forecast": ("--scenario", "scenario.yaml"),
    "plan": (*ONE, "--firm", "A", "--target", "share=45% by=+3", "--set", "uncertainty.draws=0"),
    "allocate": ("--firm", "A"),
    "game": (*ONE, "--margin", 0.5, "--set", "starts=1", "--set", "rounds=1"),
}
OF_GROWING = ("check", "run", "recalibrate", "history", "init")
ELSE = {
    "schema": "is JSON always",
    "schedule": "logs lines of JSON",
    "report": "writes a page",
    "export": "writes files, whose format --format says",
    "explore": "serves pages until it is stopped",
    "demo": "talks a person through the first steps",
}


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shops")
    text = STUDY.replace("periods: 60", "periods: 24").replace("starts: 4", "starts: 2")
    text = text.replace("[A, B, C, D]", "[A, B]").replace(
        "form: [investment, proportional]", "form: investment"
    )
    run_shops(folder, text)
    (folder / "scenario.yaml").write_text("scenario: on\nhorizon: 2\nuncertainty: {draws: 2}\n")
    return folder


def document(out):
    """Read the one document of an output, as strict readers do."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(out, parse_constant=refuse)


def test_every_command_was_asked():
    asked = {*OF_SHOPS, *OF_GROWING, *ELSE}
    assert asked == {command.__name__ for command in COMMANDS}


@pytest.mark.parametrize("command", OF_SHOPS)
def test_answers_of_a_store_are_json(shops, command, capsys, monkeypatch):
    monkeypatch.chdir(shops)
    code, out, err = beed(capsys, command, "store", *OF_SHOPS[command], "--format", "json")
    assert code == 0, err
    assert document(out)


def test_what_makes_stores_answers_in_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.sweep.coordinator.default_calibrator", lambda: slow_market.CALIBRATOR)
    study = growing.write(tmp_path, growing.rows(8, markets=range(4)))
    checked = document(beed(capsys, "check", study, "--format", "json")[1])
    assert (checked["markets"], checked["fits"], len(checked["models"])) == (4, 8, 2)
    code, out, err = beed(capsys, "run", study, "--format", "json")
    made = document(out)
    assert (code, made["run"]["done"], made["state"]) == (0, 8, "done")
    assert f"Calibrating {made['sweep']}" in err
    code, out, _ = beed(capsys, "recalibrate", study, "--date", growing.week(7), "--format", "json")
    vintage = document(out)
    assert (code, vintage["outcome"]) == (0, "published")
    assert vintage["run"]["sweep"] != made["sweep"]
    rows = document(beed(capsys, "history", made["store"], "--format", "json")[1])
    assert {row["date"] for row in rows} == {vintage["date"]}
    proposed = tmp_path / "proposed.yaml"
    code, out, _ = beed(capsys, "init", tmp_path / "panel.csv", "--output", proposed, "--format", "json")
    assert (code, document(out)["study"]) == (0, str(proposed))


def test_exit_codes_stay_and_refusals_print_nothing(shops, capsys, monkeypatch):
    monkeypatch.chdir(shops)
    far = (*ONE, "--firm", "A", "--target", "share=99% by=+2", "--set", "uncertainty.draws=0")
    code, out, _ = beed(capsys, "plan", "store", *far, "--format", "json")
    assert code == ExitCode.UNREACHABLE
    assert document(out)[0]["feasible"] is False
    code, out, err = beed(capsys, "verify", "nowhere", "--format", "json")
    assert (code, out) == (ExitCode.STORE, "")
    code, out, err = beed(capsys, "forecast", "store", "--scenario", "missing.yaml", "--format", "xml")
    assert (code, out) == (ExitCode.REFUSED, "")
    assert "Got the format 'xml'; expected one of table, csv, json, parquet" in err, "said before any work"


def test_what_json_does_not_know_is_null_or_text():
    content = {
        "numbers": np.array([1.5, np.nan, np.inf]),
        "days": np.array(["2025-01-06", "NaT"], dtype="datetime64[D]"),
        "mixed": (np.float64("nan"), np.int8(3), np.bool_(True), {np.str_("γ"): -np.inf}),
        "cube": np.arange(4).reshape(2, 2),
    }
    assert json.loads(json_text(content)) == {
        "numbers": [1.5, None, None],
        "days": ["2025-01-06", None],
        "mixed": [None, 3, True, {"γ": None}],
        "cube": [[0, 1], [2, 3]],
    }
