"""`beed run` as monitors see it: exit codes, counts by reason, lines of metrics."""

import json

import growing
import pytest
import slow_market
from command_line import beed

from pipeline.errors import ExitCode


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sweep.coordinator.default_calibrator", lambda: slow_market.CALIBRATOR)
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 2)
    return growing.write(tmp_path, growing.rows(8, markets=range(4)))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_failures_are_counted_by_reason_and_retried(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SLOW_FAIL", "2")
    metrics = tmp_path / "metrics.jsonl"
    code, out, _ = beed(capsys, "run", study, "--metrics", metrics)
    assert code == ExitCode.OK
    text = " ".join(out.split())
    assert "Without a usable result: 2 of 8 fits. 2 no_finite_start: The response or the residual" in text
    monkeypatch.delenv("SLOW_FAIL")
    code, out, _ = beed(capsys, "run", study, "--retry", "failed", "--metrics", metrics)
    assert code == ExitCode.OK
    assert "Without a usable result" not in out
    first, second = lines(metrics)
    assert first["sweep"] == second["sweep"]
    assert (first["done"], first["failures"], first["exit_code"]) == (8, {"no_finite_start": 2}, 0)
    assert (second["done"], second["kept"], second["failures"]) == (2, 6, {})
    assert first["peak_bytes"] > 10**7
    assert first["seconds"] > 0


def test_a_run_without_any_usable_fit_has_its_own_exit_code(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SLOW_FAIL", "0,1,2,3")
    metrics = tmp_path / "metrics.jsonl"
    for _ in range(2):  # also when there is nothing left to do
        code, out, _ = beed(capsys, "run", study, "--metrics", metrics)
        text = " ".join(out.split())
        assert code == ExitCode.NO_FIT
        assert "8 no_finite_start: The response or the residual was not finite at any" in text
        assert "has a usable result: there is nothing to ask it." in text
    assert [line["exit_code"] for line in lines(metrics)] == [7, 7]


def test_time_that_is_up_has_its_own_exit_code(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SLOW_SECONDS", "2")
    code, out, _ = beed(capsys, "run", study, "--budget", "1s")
    assert code == ExitCode.TIME_UP
    text = " ".join(out.split())
    assert "The time is up with" in text
    assert "on the same workers" in text
    assert "Run again to go on: about" in text


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--budget", "soon", "such as 90s"),
        ("--retry", "some", "expected failed"),
        ("--metrics", "no/x", "no/x"),
    ],
)
def test_options_that_say_nothing_are_refused_at_once(study, tmp_path, capsys, option, value, said):
    code, _, err = beed(capsys, "run", study, option, value)
    assert code == ExitCode.REFUSED
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_errors_are_in_the_metrics(study, tmp_path, capsys):
    metrics = tmp_path / "metrics.jsonl"
    (tmp_path / "panel.csv").unlink()
    code, _, err = beed(capsys, "run", study, "--metrics", metrics)
    (line,) = lines(metrics)
    assert line["exit_code"] == code == ExitCode.REFUSED
    assert line["error"] in err
