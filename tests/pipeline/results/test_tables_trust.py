"""Intervals and weak directions of a real sweep, as Python, SQL and `beed show` give them."""

import io
import sys

import numpy as np
import pytest
from rich.console import Console

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.config.sections.uncertainty import McmcSection
from pipeline.errors import QueryError
from pipeline.reporting.console.summary import show_sections
from pipeline.results.tables import trust
from pipeline.results.tables.trust import summarise_correlation
from pipeline.sweep.coordinator import run_study

STUDY = """
study: trust
data:
  file: panel.csv
  market: market
  firm: firm
  time: period
  sales: sales
  efforts:
    promo: {kind: index}
    place: {kind: index}
    twin: {kind: index}
models: {form: [investment, proportional], response: linear, firm_effects: none}
fit: {starts: 2, initial: estimated}
uncertainty: {bootstrap: 39, intervals: [hac, profile, bootstrap], levels: [0.5, 0.95]}
cluster: {kind: serial}
store: runs
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory, markets):
    folder = tmp_path_factory.mktemp("trust")
    lines = ["market,firm,period,sales,promo,place,twin"]
    for number in range(2):
        market = markets.noisy("investment", number, periods=40)
        for t in range(40):
            for i, firm in enumerate(market.firms):
                promo, place = market.efforts[:, t, i]
                lines.append(
                    f"{number},{firm},{t},{market.share[t, i]:.17g},{promo:.17g},{place:.17g},{place:.17g}"
                )
    (folder / "panel.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(STUDY)
    report = run_study(load_study(folder / "study.yaml"))
    return open_store(report.store)


def test_intervals_are_rows_and_cubes(results):
    table = results.sql(
        "select * from intervals where param = 'promo' and level = 0.95 order by market, model"
    )
    assert list(table.columns) == [
        "model", "market", "window", "method", "param", "level", "lower", "upper"
    ]  # fmt: skip
    assert len(table) == 2 * 2 * 3
    assert np.all(table["lower"] < table["upper"])
    fits = results.fits("investment-linear")
    cube = fits.interval.sel(market=1, window="all", interval_method="profile", param="promo", level=0.95)
    row = table.take(
        (table["market"] == 1) & (table["method"] == "profile") & (table["model"] == "investment-linear")
    )
    assert [row["lower"][0], row["upper"][0]] == cube.sel(side=["lower", "upper"]).values.tolist()
    narrow = fits.interval.sel(param="promo", level=0.5)
    wide = fits.interval.sel(param="promo", level=0.95)
    assert (wide.sel(side="lower") < narrow.sel(side="lower")).all()
    assert fits.replicate_value.shape == (2, 1, 39, fits.sizes["param"])
    assert fits.condition.values.min() > 1e7
    assert np.isfinite(fits.autocorrelation.values).all()


def test_what_is_not_determined_has_no_interval(results):
    table = results.sql("select count(*) as n from intervals where param in ('place', 'twin')")
    assert table["n"].tolist() == [0]
    stderr = results.fits("investment-linear").stderr.sel(param=["place", "twin"])
    assert np.isnan(stderr.values).all()


def test_what_moves_together_is_said(results):
    table = results.sql(
        "select model, sentence, count(*) as n from directions where strength < 1e-7 group by all"
    )
    said = "place and twin move together: only their sum is determined"
    assert sorted(table.rows()) == [("investment-linear", said, 2), ("proportional-linear", said, 2)]
    console = Console(file=io.StringIO(), width=160)
    show_sections(console, results.summary())
    shown = console.file.getvalue()
    assert said in shown
    assert "What the data do not determine" in shown


def test_correlated_errors_are_told(results):
    statistics = {
        model: {
            "autocorrelation": np.array(values),
            "n_residual": np.full(3, 100.0),
            "n_free": np.full(3, 4.0),
        }
        for model, values in (("a", [0.5, 0.6, 0.0]), ("b", [0.01, -0.02, np.nan]))
    }
    table = summarise_correlation(statistics)
    assert list(table.rows()) == [("a", 0.5, 2, 3)]
    assert len(summarise_correlation({"a": {}})) == 0
    # Markets that follow the proportional equation no more than these leave it slow errors, which are its
    # autocorrelation: nothing is left in the residuals.
    fits = results.fits("proportional-linear")
    assert (fits.value.sel(window="all", param="autocorrelation") > 0.3).all()
    assert "proportional-linear" not in results.summary().serial["model"].tolist()


def test_replicates_are_a_posterior_of_arviz(results):
    arviz_base = pytest.importorskip("arviz_base")
    tree = results.to_arviz("investment-linear")
    promo = tree["posterior"]["promo"]
    assert promo.dims == ("chain", "draw", "market")
    assert dict(promo.sizes) == {"chain": 1, "draw": 39, "market": 2}
    assert tree["observed_data"]["share"].sum("firm").values == pytest.approx(1.0)
    stored = results.fits("investment-linear")["replicate_value"].sel(param="promo", window="all")
    assert promo.isel(chain=0).sel(market=1).values == pytest.approx(stored.sel(market=1).values)
    one = results.to_arviz("investment-linear", market=1)
    assert one["posterior"]["promo"].dims == ("chain", "draw")
    # The estimate fits the data better than all replicates do, and by how much is what their spread says.
    likelihood = one["log_likelihood"]["residual"].sum("row")
    best = results.fits("investment-linear")["log_likelihood"].sel(market=1, window="all").item()
    below = 2.0 * (best - likelihood.values)
    assert (below > -1e-6).all()
    free = len(one["posterior"].data_vars)
    assert 0.3 * free < np.mean(below) < 3.0 * free
    assert arviz_base.extract(one, var_names=["promo"]).sizes["sample"] == 39
    said = pytest.importorskip("arviz_stats").summary(one, var_names=["promo"], round_to="none")
    assert said.loc["promo", "mean"] == pytest.approx(one["posterior"]["promo"].mean().item())
    with pytest.raises(QueryError, match="say which one: market=LABEL"):
        results.to_arviz("investment-linear", draws="mcmc")
    with pytest.raises(QueryError, match="expected 'replicates'"):
        results.to_arviz("investment-linear", draws="prior")


def test_a_posterior_sampled_now_has_a_chain_for_every_walker(results, monkeypatch):
    pytest.importorskip("arviz_base")
    pytest.importorskip("emcee")
    short = McmcSection(steps=60, burn=20, walkers=24)
    section = results.study.uncertainty.model_copy(update={"mcmc": short})
    monkeypatch.setitem(vars(results), "study", results.study.model_copy(update={"uncertainty": section}))
    tree = results.to_arviz("investment-linear", market=0, draws="mcmc")
    promo = tree["posterior"]["promo"]
    assert dict(promo.sizes) == {"chain": 24, "draw": 40}
    fit = results.fits("investment-linear").sel(market=0, window="all", param="promo")
    assert abs(promo.mean().item() - fit["value"].item()) < 3.0 * fit["stderr"].item()
    # Walkers move on from where they were: neighbours in a chain are alike, walkers at one step are not.
    step = promo.diff("draw").std().item()
    assert step < 0.9 * np.sqrt(2.0) * promo.std().item()


def test_what_arviz_cannot_be_given_is_said(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz_base", None)
    with pytest.raises(QueryError, match=r"pip install 'beed\[arviz\]'"):
        results.to_arviz("investment-linear")


@pytest.mark.parametrize("tolerance", [trust.RANK_TOLERANCE, -1.0])
def test_what_a_summary_counts_is_what_the_tables_hold(results, monkeypatch, tolerance):
    # With the second one all directions are seen, though badly.
    monkeypatch.setattr(trust, "RANK_TOLERANCE", tolerance)
    results = results.refresh()
    summary = results.summary()
    tables = (summary.undetermined, summary.weak)
    for found, kind in zip(tables, ("<=", ">"), strict=True):
        rows = results.sql(
            "select model, sentence, count(distinct market), min(market), median(strength) from directions "
            f"where \"window\" = 'all' and strength {kind} {tolerance} group by 1, 2 order by 1, 2"
        )
        names = ("model", "what", "fits", "example", *(["strength"] if "strength" in found.columns else []))
        ours = sorted(found.select(names).rows())
        assert [row[:4] for row in ours] == [row[:4] for row in rows.rows()]
        np.testing.assert_allclose([row[4:] for row in ours], [row[4 : len(names)] for row in rows.rows()])
    assert len(summary.undetermined) or len(summary.weak)
    one_by_one = [summary.directions_of(model) for model in results.models]
    for whole, parts in zip(tables, zip(*one_by_one, strict=True), strict=True):
        assert sorted(whole.rows()) == sorted(row for part in parts for row in part.rows())


def test_estimates_in_a_summary_are_those_of_the_table(results):
    found = results.summary().parameters
    rows = results.sql(
        "select param, unit, median(value), quantile_cont(value, 0.25), quantile_cont(value, 0.75), "
        "count(*) - count(value), count(*) from params "
        f"where \"window\" = 'all' and model = '{results.verdict().model}' and recommended <> 'fixed' "
        "and param in ('promo', 'place', 'twin', 'jump_price', 'returns_to_scale') group by all"
    )
    of_table = {row[0]: row[1:] for row in rows.rows()}
    names = ("unit", "median", "quartile_1", "quartile_3", "undetermined", "of")
    for row in found.records():
        expected = dict(zip(names, of_table.pop(row["param"]), strict=True))
        assert {name: row[name] for name in names} == pytest.approx(expected, nan_ok=True)
    assert not of_table


def test_what_the_data_leave_open_is_said_from_the_part_of_fits_on(results):
    """`place` and `twin` are one and the same; constants, shares and errors are nothing to say."""
    (sentence,) = trust.describe_open(results.tables, "investment-linear", 0.5)
    assert sentence.startswith("The data tell no value of `place`, `twin` by themselves;")
    assert not list(trust.describe_open(results.tables, "investment-linear", 1.1))
