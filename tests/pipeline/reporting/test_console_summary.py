"""`beed show`: one screen by default, all sections when asked for, nothing cut on a narrow terminal."""

import io
import json

import numpy as np
import pytest
from places import STUDIES
from rich.console import Console

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import QueryError
from pipeline.reporting.console.printing import make_console, print_table
from pipeline.reporting.console.summary import SECTIONS, show_brief, show_sections, summary_facts
from pipeline.results.frames.json_text import json_text
from pipeline.results.frames.table import Table
from pipeline.results.summary.parameters import summarise_parameters
from pipeline.sweep.coordinator import run_study

SCREEN = {60: 80, 80: 50, 132: 50}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    (folder / "study.yaml").write_text((STUDIES / "two_forms.yaml").read_text())
    overrides = ["cluster.kind=serial", "validation.holdout=0.2", "validation.baselines=[last, mean]"]
    run_study(load_study(folder / "study.yaml", overrides))
    return open_store(folder / "runs")


def printed(show, *given, width=80):
    """What is printed on a terminal of a width."""
    console = Console(file=io.StringIO(), width=width)
    show(console, *given)
    return console.file.getvalue()


@pytest.mark.parametrize("width", SCREEN)
def test_the_brief_summary_fits_a_screen(results, width):
    shown = printed(show_brief, results.summary(), "runs", width=width)
    lines = shown.splitlines()
    assert len(lines) <= SCREEN[width]
    assert max(len(line) for line in lines if not line.startswith("More:")) <= width  # that one is copied
    assert "Verdict" in shown
    assert results.verdict().model in shown
    assert "beed show runs --all" in shown


def test_all_sections_are_printed_at_any_width_with_every_column(results):
    summary = results.summary()
    shown = printed(show_sections, summary, width=60)
    assert max(map(len, shown.splitlines())) <= 60
    for name in ("best by BIC in", "starts agree", "seconds"):
        assert name in shown
    only = printed(show_sections, summary, ["winners"])
    assert "Who wins" in only
    assert "Best model by market" not in only
    assert "failures: nothing to say" in printed(show_sections, summary, ["failures"])
    with pytest.raises(QueryError, match=r"Got the section nowhere; expected one of parameters, models"):
        show_sections(make_console(), summary, ["nowhere"])


def test_as_json_it_has_the_verdict_and_every_row(results):
    summary = results.summary()
    content = json.loads(json_text(summary_facts(summary)))
    assert content["verdict"]["model"] == results.verdict().model
    assert set(content["sections"]) == set(SECTIONS)
    (models,) = content["sections"]["models"]
    assert [row["model"] for row in models["rows"]] == list(results.models)
    assert set(json.loads(json_text(summary_facts(summary, ["winners"])))["sections"]) == {"winners"}


def test_parameters_are_summed_up_over_markets(results):
    model = results.verdict().model
    table = summarise_parameters(results.tables, model)
    fits = results.fits(model)
    for row, param in enumerate(table["param"].tolist()):
        values = fits.value.sel(param=param, window="all").values
        assert table["median"][row] == pytest.approx(np.nanmedian(values))
        lower = fits.interval.sel(param=param, window="all", level=0.95, side="lower")
        above = int((lower.sel(interval_method="recommended") > 0).sum())
        assert table["above_0"][row] == above
    assert not any(param.startswith("initial.") or param == "gain" for param in table["param"])


def test_long_names_are_wrapped_and_wide_tables_are_split():
    name = "scaled-saturating-by_firm-instrumented-estimated-with-a-long-name"
    columns = {"model": np.array([name], dtype=object)}
    columns |= {f"column_{number}": np.array([1234.5678 + number]) for number in range(9)}
    shown = printed(print_table, "Title", Table(columns), width=50)
    assert max(map(len, shown.splitlines())) <= 50
    assert "…" not in shown
    first_cells = [line.split("│")[1].strip() for line in shown.splitlines() if line.startswith("│")]
    assert name in "".join(first_cells)
    assert all(f"column {number}" in shown for number in range(9))


def test_columns_asks_for_a_width_where_there_is_no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == 132
    monkeypatch.setenv("COLUMNS", "71")
    assert make_console().width == 71
