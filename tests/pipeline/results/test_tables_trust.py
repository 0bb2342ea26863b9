"""Intervals and weak directions of a real sweep, as Python, SQL and `beed show` give them."""

import io

import numpy as np
import pytest
from rich.console import Console

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.reporting.console.summary import show_sections
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
    statistic = {
        "autocorrelation": np.array([[0.5, 0.6, 0.0], [0.01, -0.02, np.nan]]),
        "n_residual": np.full((2, 3), 100.0),
        "n_free": np.full((2, 3), 4.0),
    }
    table = summarise_correlation(("a", "b"), statistic)
    assert list(table.rows()) == [("a", 0.5, 2, 3)]
    assert len(summarise_correlation(("a",), {})) == 0
    # Markets that follow the proportional equation no more than these leave it slow errors, which are its
    # autocorrelation: nothing is left in the residuals.
    fits = results.fits("proportional-linear")
    assert (fits.value.sel(window="all", param="autocorrelation") > 0.3).all()
    assert "proportional-linear" not in results.summary().serial["model"].tolist()
