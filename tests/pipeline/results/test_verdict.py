"""The verdict: which model, by which grounds, what it says of inertia, and what it warns of."""

import numpy as np
import pytest
from places import STUDIES

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.results.frames.table import Table
from pipeline.results.tables.comparison import comparisons
from pipeline.results.verdict import judge
from pipeline.sweep.coordinator import run_study

STUDY = (STUDIES / "two_forms.yaml").read_text()


def run(folder, *overrides):
    (folder / "study.yaml").write_text(STUDY)
    return open_store(run_study(load_study(folder / "study.yaml", overrides)).store)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    return run(tmp_path_factory.mktemp("verdict"))


def changed(table, model, **values):
    """Set numbers of a model in every row of a table of comparisons."""
    columns = {name: column.copy() for name, column in table.columns.items()}
    for name, value in values.items():
        columns[name][columns["model"] == model] = value
    return Table(columns)


def test_the_true_form_is_chosen_by_rolling_origins_and_tried_on_the_holdout(swept):
    verdict = swept.verdict()
    assert (verdict.model, verdict.by, verdict.outcome) == ("investment-linear", "rolling", "better")
    assert verdict.baseline in ("last", "mean", "wiener")
    assert verdict.difference < 0.0
    assert verdict.p < 0.01
    assert verdict.cases == verdict.of == 6 * (3 + 2 + 1)
    text = " ".join(verdict.sentences)
    assert text.startswith("Use `investment-linear`:")
    assert "more than chance" in text
    assert "In the later periods held out, which had no part in this choice" in text
    assert verdict == swept.summary().verdict


def test_a_holdout_that_was_forecast_in_part_says_in_which_part(swept):
    table = comparisons(swept.tables, ("rmse",))
    of = int(table["of"][table["window"] == "holdout"][0])
    cases = np.where(table["window"] == "holdout", of // 3, table["cases"])
    some = judge(swept.tables, Table(dict(table.columns) | {"cases": cases}))
    assert some.model == "investment-linear"
    assert f", in the {of // 3} of {of} cases that it could forecast." in " ".join(some.sentences)
    assert "could forecast" not in " ".join(swept.verdict().sentences)


def test_inertia_is_the_half_life_against_the_period(swept):
    verdict = swept.verdict()
    expected = np.log(2) / np.median(swept.fits("investment-linear").adjustment_rate.sel(window="all"))
    assert verdict.half_life == pytest.approx(expected, rel=0.05)
    left = 0.5 ** (1.0 / verdict.half_life)
    assert verdict.inertia == ("none" if left <= 0.05 else "some" if verdict.half_life < 1.0 else "strong")


def test_shares_that_adjust_within_a_week_are_the_static_model(tmp_path):
    store = run(tmp_path, "simulate.truth.parameters.jump_price=8.0", "simulate.markets=2")
    verdict = store.verdict()
    assert verdict.inertia == "none"
    assert any("adjust within a week" in sentence for sentence in verdict.sentences)
    assert any("static attraction model" in sentence for sentence in verdict.sentences)


def test_a_model_that_failed_often_is_not_chosen_and_is_named(swept):
    table = changed(comparisons(swept.tables, ("rmse",)), "investment-linear", cases=20)
    verdict = judge(swept.tables, table)
    assert verdict.model == "proportional-linear"
    assert "Forecasts failed: `investment-linear` in 16 of 36" in verdict.cautions[0]
    few = judge(swept.tables, changed(comparisons(swept.tables, ("rmse",)), "investment-linear", cases=35))
    assert few.model == "investment-linear"
    assert "in 1 of 36" in few.cautions[0]


@pytest.mark.parametrize(
    ("p", "outcome", "words"),
    [
        (0.01, "worse", "No model beats the baseline"),
        (0.4, "chance", "it is not shown to beat simple rules"),
        (np.nan, "unknown", "it is not shown to beat simple rules"),
    ],
)
def test_a_model_that_is_no_better_than_a_baseline_is_said_to_be(swept, p, outcome, words):
    table = comparisons(swept.tables, ("rmse",))
    for model in swept.models:
        table = changed(table, model, difference=0.001, p=p)
    verdict = judge(swept.tables, table)
    assert verdict.outcome == outcome
    assert words in verdict.sentences[0]


def test_without_forecasts_aicc_decides_and_says_so(tmp_path):
    overrides = ("validation={holdout: 0.0}", "simulate.markets=2")
    verdict = run(tmp_path, *overrides).verdict()
    assert (verdict.model, verdict.by, verdict.outcome) == ("investment-linear", "aicc", "unknown")
    assert "by AICc alone: no forecasts were held out" in verdict.sentences[0]


def test_without_fits_there_is_no_model(tiny):
    verdict = open_store(tiny.path).verdict()
    assert (verdict.model, verdict.by) == (None, "fits")


def test_the_console_begins_with_the_verdict(swept, capsys):
    from pipeline.reporting.console.printing import make_console
    from pipeline.reporting.console.summary import show_sections

    show_sections(make_console(), swept.summary())
    shown = capsys.readouterr().out
    assert shown.index("Verdict\n") < shown.index("Use `investment-linear`") < shown.index("Models (window")
