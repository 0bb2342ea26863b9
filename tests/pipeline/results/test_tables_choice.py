"""Choice of model, regimes and comparisons as tables, from a real sweep and from one of known content."""

import numpy as np
import pytest
from places import STUDIES

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.results.tables.choice import MARKET_PERIODS, POOLED, akaike, pooled_choice, stack, stacking
from pipeline.results.tables.comparison import compare, comparisons, read_losses
from pipeline.results.tables.regimes import regime_counts, regimes
from pipeline.sweep.coordinator import run_study

STUDY = (STUDIES / "two_forms.yaml").read_text()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    (folder / "study.yaml").write_text(STUDY)
    report = run_study(load_study(folder / "study.yaml"))
    return open_store(report.store)


def test_every_window_future_and_step_is_measured(swept):
    validation = swept.validation()
    assert validation.window.values.tolist() == ["all", "holdout", "rolling-1", "rolling-2", "rolling-3"]
    assert validation.future.values.tolist() == ["given", "carried"]
    assert validation.step.values.tolist() == list(range(1, 9))
    error = validation.error.sel(metric="rmse")
    assert error.sel(window="all").isnull().all()
    assert error.isel(window=slice(1, None)).notnull().all()
    steps = validation.step_error.sel(metric="rmse", model="last", future="given").notnull().sum("step")
    np.testing.assert_array_equal(steps.isel(market=0), [0, 8, 3, 2, 1])
    pooled = np.sqrt((validation.step_error.sel(metric="rmse") ** 2).mean("step"))
    np.testing.assert_allclose(pooled, error)


def test_the_true_form_wins_by_more_than_chance(swept):
    for kind in ("holdout", "rolling"):
        table = compare(read_losses(swept.tables, kind, "given", "rmse"))
        best = dict(zip(table.columns, next(table.rows()), strict=True))
        assert best["model"] == "investment-linear"
        assert best["wins"] >= 5
        assert best["high"] < 0.0
        assert best["p"] < 0.01


def test_given_efforts_are_worth_something(swept):
    error = (
        swept.validation()
        .error.sel(model="investment-linear", metric="rmse", window="holdout")
        .mean("market")
    )
    assert error.sel(future="given") < error.sel(future="carried")


def test_weights_favour_the_truth(swept):
    table = akaike(swept.tables)
    pooled = table.take(table["market"] == POOLED)
    assert pooled["markets"].tolist() == [6, 6]
    assert dict(zip(pooled["model"], pooled["weight_aicc"], strict=True))["investment-linear"] > 0.99
    single = table.take(table["market"] != POOLED)
    assert single["weight_aic"].sum() == pytest.approx(6.0)
    assert pooled["aic"][0] == pytest.approx(single["aic"][single["model"] == pooled["model"][0]].sum())
    weights = stacking(swept.tables)
    everywhere = weights.take(weights["market"] == POOLED)
    assert everywhere["weight"].sum() == pytest.approx(1.0)
    assert everywhere["model"][np.argmax(everywhere["weight"])] == "investment-linear"
    assert set(everywhere["window"]) == {"rolling"}
    assert set(everywhere["periods"]) == {6 * (3 + 2 + 1)}
    assert pooled_choice(swept.tables)["model"].tolist()[0] == "investment-linear"


def test_half_life_is_that_of_the_truth(swept):
    table = regimes(swept.tables)
    own = table.take(table["model"] == "investment-linear")
    fits = swept.fits("investment-linear")
    jump_price = fits.value.sel(window="all", param="jump_price").values
    # Firms invest a fifth of sales: X_ref Σ f / M is near 3 x 0.2 x 1000 x (0.6 + 0.5 x 0.4) / 200.
    expected = np.log(2) / (3 * 0.2 * 1000 * 0.8 / jump_price)
    np.testing.assert_allclose(own["half_life"], expected, rtol=0.3)
    assert np.isinf(table["half_life"][table["model"] == "proportional-linear"]).all()
    np.testing.assert_allclose(own["half_life"], np.log(2) / own["adjustment_rate"])


def test_the_interval_of_gamma_is_the_one_for_correlated_errors(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    overrides = ("models.form=scaled", "simulate.markets=2")
    store = open_store(run_study(load_study(tmp_path / "study.yaml", overrides)).store)
    found = regimes(store.tables)
    intervals = store.fits("scaled-linear").interval.sel(
        window="all", param="returns_to_scale", interval_method="autoregressive", level=0.95
    )
    np.testing.assert_array_equal(found["low"], intervals.sel(side="lower").values)
    np.testing.assert_array_equal(found["high"], intervals.sel(side="upper").values)


def test_sql_sees_the_tables(swept):
    for name in ("horizons", "comparison", "akaike", "stacking", "regimes"):
        assert len(swept.sql(f"select * from {name}")) > 0
    wins = swept.sql("select sum(wins) as n from comparison where future = 'given' and metric = 'rmse'")
    assert wins["n"].tolist() == [12.0]


def test_the_summary_says_it_all(swept, capsys):
    from pipeline.reporting.console.printing import make_console
    from pipeline.reporting.console.summary import show_sections

    show_sections(make_console(), swept.summary())
    # Titles wrap where their table is narrower.
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "Who wins, holdout, efforts given: rmse against",
        "Who wins, rolling, efforts carried",
        "Choice of model by fit and by forecast density",
        "Returns to scale γ and half-life of adjustments",
        "Rmse by periods ahead of rolling origins (efforts given)",
    ):
        assert text in shown


def test_the_interval_of_gamma_is_read_as_a_regime(filled):
    """In the made-up sweep γ is the market's number and a half, with a standard error of 0.1."""
    tables = open_store(filled.path).tables
    table = regimes(tables)
    scaled = table.take(table["model"] == "scaled-hill")
    assert scaled["market"].tolist() == [2, 5, 12, 14, 18, 21]
    assert set(scaled["regime"]) == {"lock-in"}
    assert scaled["low"][0] == pytest.approx(2.5 - 1.96 * 0.1, abs=1e-3)
    counts = dict(zip(*(regime_counts(tables)[name] for name in ("model", "lock-in")), strict=True))
    assert counts == {"investment-mnl": 0, "scaled-hill": 6}


def test_without_forecasts_there_is_nothing_to_compare(tiny):
    tables = open_store(tiny.path).tables
    assert len(comparisons(tables)) == len(stacking(tables)) == len(pooled_choice(tables)) == 0


def test_one_that_fails_often_does_not_empty_the_mixture():
    rng = np.random.default_rng(0)
    density = rng.normal([[1.0], [0.0], [0.5]], 0.1, (3, 50))
    whole = {name: weight for name, _, weight in stack(density, ("a", "b", "c"))}
    assert whole["a"] > 0.9
    density[2, 10:] = np.nan
    rows = {name: (periods, weight) for name, periods, weight in stack(density, ("a", "b", "c"))}
    assert rows["a"][0] == rows["b"][0] == 50
    assert rows["a"][1] + rows["b"][1] == pytest.approx(1.0)
    assert rows["c"][0] == 10
    assert np.isnan(rows["c"][1])
    # A few missing cases are left out for all.
    density[2] = 0.5
    density[2, :3] = np.nan
    assert {row[1] for row in stack(density, ("a", "b", "c"))} == {47}


def test_a_market_has_weights_of_its_own_with_enough_periods(swept):
    density = np.zeros((2, 1, 6))
    assert stack(density, ("a", "b"), MARKET_PERIODS) == []
    assert len(stack(density, ("a", "b"))) == 2
    assert set(stacking(swept.tables)["market"]) == {POOLED}
