"""The command line: exit codes, fast start, nothing written on refusal, the same answers as the library."""

import json
import re
import subprocess
import sys
import time
from typing import get_args

import pytest
import slow_market
from command_line import beed
from places import ROOT

from pipeline.cli.app import app
from pipeline.cli.studies import choose_cluster
from pipeline.config.json_schema import study_schema
from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PathKind
from pipeline.errors import ExitCode, PlanError
from pipeline.results.export import STYLES
from pipeline.results.frames.formats import FORMATS
from pipeline.results.tables.registry import TABLES

COMMANDS = {"run", "check", "schema", "runs", "query", "show", "report", "export", "forecast", "plan", "game"}
COMMANDS |= {"recalibrate", "history", "schedule", "prune", "verify", "effects", "explain", "returns"}
COMMANDS |= {"allocate", "init", "demo", "experiment", "explore"}

STUDY = """
study: small
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts:
    price: {kind: index}
    deal: {kind: index}
models:
  form: [investment, proportional]
  response: linear
fit: {starts: 3}
store: runs
cluster: {kind: serial}
"""


@pytest.fixture
def study(tmp_path):
    lines = ["store,brand,week,sales,price,deal"]
    for store in range(4):
        for number, brand in enumerate("ABC"):
            for week in range(6):
                sales = 10 + number + (week * (number + store)) % 5
                price, deal = 1 + 0.1 * ((week + number) % 3), week % 2
                lines.append(f"{store},{brand},{week},{sales},{price},{deal}")
    (tmp_path / "panel.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


@pytest.fixture
def methods(monkeypatch):
    """Fits that take no time; the models themselves are tested elsewhere."""
    monkeypatch.setattr("pipeline.sweep.coordinator.default_calibrator", lambda: slow_market.CALIBRATOR)


def test_commands_are_those_documented():
    assert {command.callback.__name__ for command in app.registered_commands} == COMMANDS


def test_help_names_every_exit_code(capsys):
    code, out, _ = beed(capsys, "--help")
    assert code == 0
    text = " ".join(out.split())
    for exit_code in ExitCode:
        assert re.search(rf"[ :]{int(exit_code)} \w", text.split("Exit codes")[1]), exit_code


def help_of(capsys, command, option):
    """Give what the help of a command says of an option."""
    text = beed(capsys, command, "--help")[1]
    return " ".join(re.search(rf"\n  {option} (.*?)(?=\n  --|\Z)", text, re.DOTALL)[1].split())


def names_in(text):
    """Split "one, two or three." into names."""
    return re.findall(r"\w+", re.sub(r"\bor\b", ",", text))


def test_the_help_of_sql_lists_all_tables(capsys):
    said = help_of(capsys, "query", "--sql")
    assert names_in(said.partition("A SELECT over ")[2]) == list(TABLES)


@pytest.mark.parametrize(
    ("command", "option", "names"),
    [
        ("query", "--format", list(FORMATS)),
        ("history", "--format", list(FORMATS)),
        ("forecast", "--format", list(FORMATS)),
        ("export", "--format", list(STYLES)),
        ("plan", "--path", list(get_args(PathKind))),
        ("game", "--strategy", list(get_args(GameSettings.model_fields["strategy"].annotation))),
    ],
)
def test_the_help_names_what_there_is_to_choose(capsys, command, option, names):
    said = help_of(capsys, command, option).partition(">")[2].partition("[default")[0]
    assert sorted(names_in(said)) == sorted(names)


def test_help_starts_fast_and_loads_nothing_heavy():
    program = (
        "import sys\n"
        "from pipeline.cli.app import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numba', 'dask', 'xarray', 'pandas', 'numpy', 'icechunk', 'duckdb', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip().endswith("[]")
    assert time.perf_counter() - start < 5  # 0.3 s on an idle computer


def test_run_does_everything_once(study, methods, capsys):
    code, out, _ = beed(capsys, "run", study)
    assert code == 0
    assert "8 fits (4 markets x 2 models)" in out
    assert "investment-linear" in out
    assert f"Results: {study.parent}/runs" in out
    code, out, _ = beed(capsys, "run", study)
    assert code == 0
    assert "Nothing to do: all 8 fits" in out


def test_set_makes_another_sweep(study, methods, capsys):
    beed(capsys, "run", study)
    code, out, _ = beed(capsys, "run", study, "--set", "fit.starts=4", "--set", "seed=1")
    assert code == 0
    assert "Nothing to do" not in out
    code, out, _ = beed(capsys, "runs", study.parent / "runs")
    assert out.count("done") >= 2
    assert out.count("8/8") == 2


def test_check_prints_plan_and_warnings_and_writes_nothing(study, methods, capsys):
    before = sorted(study.parent.iterdir())
    code, out, _ = beed(capsys, "check", study)
    assert code == 0
    assert re.search(r"fits +8, 3 starts each", out)
    assert re.search(r"tasks", out)
    warning = next(line for line in out.splitlines() if line.startswith("Warning"))
    assert "'deal' is equal across firms in every period" in " ".join(out.split())
    assert "proportional-linear" in " ".join(out.split())
    assert warning
    assert sorted(study.parent.iterdir()) == before


def test_all_problems_of_a_study_are_printed_and_nothing_written(study, methods, capsys):
    text = STUDY.replace("starts: 3", "strats: 3").replace("response: linear", "response: hil")
    study.write_text(text)
    before = sorted(study.parent.iterdir())
    for command in ("run", "check"):
        code, _, err = beed(capsys, command, study)
        assert code == ExitCode.REFUSED
        assert "strats" in err
        assert "hil" in err
        assert "study.yaml:15" in err
    assert sorted(study.parent.iterdir()) == before


def test_problems_of_the_data_are_refused(study, methods, capsys):
    path = study.parent / "panel.csv"
    path.write_text(path.read_text() + "1,A,0,5,1,0\n2,B,3,-4,1,0\n")
    code, _, err = beed(capsys, "run", study)
    assert code == ExitCode.REFUSED
    assert "market 1" in err
    assert not (study.parent / "runs").exists()


def test_missing_study_and_unknown_options_are_refused(tmp_path, capsys):
    code, _, err = beed(capsys, "run", tmp_path / "no.yaml")
    assert code == ExitCode.REFUSED
    assert "no.yaml" in err
    assert beed(capsys, "run", tmp_path / "no.yaml", "--wrong")[0] == ExitCode.REFUSED
    assert beed(capsys, "ru")[0] == ExitCode.REFUSED


def test_schema_is_json(capsys):
    code, out, _ = beed(capsys, "schema")
    assert code == 0
    assert json.loads(out) == study_schema()


def test_missing_store_is_an_error_of_its_own(tmp_path, capsys):
    for command in ("runs", "query", "show"):
        code, _, err = beed(capsys, command, tmp_path / "nothing")
        assert code == ExitCode.STORE
        assert "nothing" in err


def test_query_by_options_and_by_sql_agree(study, methods, capsys):
    beed(capsys, "run", study)
    store = study.parent / "runs"
    code, out, _ = beed(
        capsys, "query", store, "--market", 2, "--model", "inv*", "--param", "price", "--format", "json"
    )
    assert code == 0
    (row,) = json.loads(out)
    sql = "select value from params where market = 2 and model = 'investment-linear' and param = 'price'"
    code, out, _ = beed(capsys, "query", store, "--sql", sql, "--format", "json")
    assert json.loads(out)[0]["value"] == row["value"]
    code, _, err = beed(capsys, "query", store, "--sql", sql, "--limit", 1)
    assert code == ExitCode.REFUSED
    assert "--limit" in err
    assert beed(capsys, "query", store, "--model", "nope")[0] == ExitCode.REFUSED


def test_show_and_export(study, methods, capsys):
    beed(capsys, "run", study)
    store = study.parent / "runs"
    code, out, _ = beed(capsys, "show", store)
    assert code == 0
    assert "Models (medians over markets" in out
    assert "Best model by market" in beed(capsys, "show", store, "--all")[1]
    out_folder = study.parent / "out"
    assert beed(capsys, "export", store, out_folder)[0] == 0
    assert out_folder.is_dir()
    assert beed(capsys, "export", store, out_folder)[0] == ExitCode.REFUSED


def test_stopped_and_unfinished_runs_have_exit_codes(study, methods, capsys, monkeypatch):
    monkeypatch.setenv("SLOW_BUG", "2")
    code, out, _ = beed(capsys, "run", study)
    assert code == ExitCode.FAILURE
    assert "Unfinished: Task" in out


def test_cluster_of_the_command_line():
    own = ClusterSection(kind="slurm", queue="long", workers=4)
    assert choose_cluster(own, None, 9) == ClusterSection(kind="slurm", queue="long", workers=9)
    assert choose_cluster(own, "serial", None) == ClusterSection(kind="serial")
    assert choose_cluster(own, "local", 2) == ClusterSection(kind="local", workers=2)
    address = choose_cluster(own, "tcp://host:8786", None)
    assert (address.kind, address.address) == ("address", "tcp://host:8786")


@pytest.mark.parametrize(("cluster", "workers"), [("serial", 2), ("mesos", None), ("tcp://host:1", 3)])
def test_impossible_clusters_are_refused(cluster, workers):
    with pytest.raises(PlanError, match=f"--cluster {cluster} is not possible"):
        choose_cluster(ClusterSection(), cluster, workers)
