"""The commands to begin with: nothing is overwritten, what init writes runs, the demonstration runs."""

import pandas as pd
import pytest
import yaml
from command_line import beed

from pipeline.cli.first_steps import init as init_command
from pipeline.errors import ExitCode
from pipeline.results.result_store import open_store

ROWS = [
    ("Woche;Laden;Umsatz;Preis;Aktion\n"),
    *(
        f"{week};{shop};{base + 9 * ((week * step) % 5):,}".replace(",", ".")
        + f",5;{1 + ((week * step) % 7) / 10:.2f}".replace(".", ",").replace(",", ",", 1)
        + f";{int(week % step == 0)}\n"
        for week in range(1, 17)
        for shop, base, step in (("Nord", 1000, 2), ("Süd", 1200, 3), ("West", 900, 4))
    ),
]


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "laden.csv").write_text("".join(ROWS), encoding="utf-8")
    return tmp_path / "laden.csv"


def test_what_init_writes_is_checked_and_runs(capsys, table):
    code, said, _ = beed(capsys, "init", "laden.csv")
    assert code == ExitCode.OK
    assert "firm: Laden (the only column of names" in said
    assert "beed run study.yaml" in said
    assert yaml.safe_load(table.with_name("study.yaml").read_text())["data"]["decimal"] == ","
    less = ("--set", "validation.origins=2", "--set", "models.form=investment", "--cluster", "serial")
    code, said, _ = beed(capsys, "run", "study.yaml", *less)
    assert code == ExitCode.OK
    assert open_store("runs/laden").summary().verdict


def test_init_writes_over_nothing_unasked_and_leaves_nothing_when_it_refuses(capsys, table):
    study = table.with_name("study.yaml")
    study.write_text("mine")
    code, _, said = beed(capsys, "init", "laden.csv")
    assert (code, study.read_text()) == (ExitCode.REFUSED, "mine")
    assert "study.yaml is there already; say --force" in said
    code, _, said = beed(capsys, "init", "laden.csv", "--sales", "Umsaz", "--force")
    assert (code, study.read_text()) == (ExitCode.REFUSED, "mine")
    assert "Did you mean 'Umsatz'?" in said
    code, _, said = beed(capsys, "init", "ladne.csv", "--output", "new.yaml")
    assert code == ExitCode.REFUSED
    assert "Did you mean 'laden.csv'?" in said
    assert sorted(path.name for path in table.parent.iterdir()) == ["laden.csv", "study.yaml"]


def test_a_question_is_answered_by_number_or_name(monkeypatch, capsys):
    answers = iter(["7", "nothing", "2"])
    monkeypatch.setattr(init_command.typer, "prompt", lambda _: next(answers))
    assert init_command._choose("Which?", ["a", "b"]) == "b"
    assert "2  b" in capsys.readouterr().out


def test_the_demonstration_has_a_table_of_shops(monkeypatch):
    from pipeline.proposing.demo import demo_table

    table, truth = demo_table()
    assert list(table.columns[:4]) == ["centre", "week", "shop", "sales"]
    assert not table.duplicated(["centre", "week", "shop"]).any()
    spend = table.filter(like="_spend").sum(axis=1)
    assert isinstance(spend, pd.Series)
    # A tenth of sales is spent, as the study of the mall says.
    assert spend.sum() / table["sales"].sum() == pytest.approx(0.1, rel=0.05)
    assert truth["discount"] == 0.6


@pytest.mark.long
def test_the_demonstration_runs_and_refuses_to_run_over_itself(capsys, tmp_path):
    folder = tmp_path / "first"
    code, said, _ = beed(capsys, "demo", folder)
    assert code == ExitCode.OK
    assert "Next:" in said
    assert (folder / "study.yaml").exists()
    assert open_store(str(folder / "runs" / "shops")).summary().verdict
    code, _, said = beed(capsys, "demo", folder)
    assert code == ExitCode.REFUSED
    assert "are there already" in said
