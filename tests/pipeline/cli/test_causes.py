"""The commands about causes: arguments in, tables and pictures out, refusals with a sentence."""

import json

import numpy as np
import pytest
from command_line import beed
from shops import STUDY, run_shops

from pipeline import effects, open_store, returns
from pipeline.config.sections.scenario import TotalSection
from pipeline.errors import ExitCode
from pipeline.forecasting.open_market import read_market
from pipeline.reporting.page import write_report
from pipeline.results.totals.comparison import compare_totals


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shops")
    text = STUDY.replace("periods: 60", "periods: 30")
    run_shops(folder, text.replace("form: [investment, proportional]", "form: investment"))
    return folder / "store"


def test_effects_as_arrays(store):
    found = effects(open_store(str(store)), markets=["all"], horizons=("impact", 3, "long-run"))
    assert found["value"].sizes == {"market": 2, "horizon": 3, "effort": 2, "effort_of": 4, "share_of": 4}
    assert found["horizon"].values.tolist() == ["impact", "3", "long_run"]
    own = found["value"].sel(horizon="long_run", effort="discount", market=1).values.diagonal()
    assert (own > 0.0).all()
    assert (found["low"] <= found["value"]).all()
    assert "ln share per ln discount" in found["unit"].values


def test_effects_in_the_shell(store, tmp_path, capsys):
    picture = tmp_path / "effects.svg"
    code, out, _ = beed(capsys, "effects", store, "--market", 1, "--date", "next", "--plot", picture)
    assert code == 0
    assert "impact, ln share per ln discount" in " ".join(out.split())
    assert "assumes that efforts do not answer to what moves shares" in out
    assert "`investment-mixed` is used" in out
    assert picture.read_text().count("<path") > 32
    options = ("--firm", "A", "--effort", "place", "--horizon", 2, "--format", "json")
    code, out, _ = beed(capsys, "effects", store, "--market", 1, *options)
    rows = json.loads(out)
    assert [row["share_of"] for row in rows] == ["A", "B", "C", "D"]
    assert {row["model"] for row in rows} == {"investment-mixed"}
    assert rows[0]["value"] > 0.0 > rows[1]["value"]


def test_effects_in_sql(store):
    table = open_store(str(store)).sql("select * from elasticities where share_of = effort_of")
    assert len(table) == 2 * 2 * 2 * 4
    assert (table["stderr"] > 0.0).all()


def test_models_of_total_sales_are_compared_in_sql_and_report(store, tmp_path):
    results = open_store(str(store))
    table = results.sql("select * from totals where not isnan(error)")
    assert {"constant", "trend", "logistic", "response"} <= set(table["total_model"])
    for market in (1, 2):
        known = read_market(results, market, "investment-mixed", 1)
        error, cases = compare_totals(TotalSection(), known)
        of_market = table.take(np.flatnonzero(table["market"] == market))
        for name, value, count, best in zip(
            *(of_market[column] for column in ("total_model", "error", "cases", "best")), strict=True
        ):
            assert (value, count) == (pytest.approx(error[name], rel=1e-9), cases)
            assert best == (value == of_market["error"].min())
    page = write_report(results, tmp_path / "report.html", markets=[1]).read_text()
    assert "Sales of the whole market" in page
    assert "logistic" in page


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "has 2 markets; say which one"),
        (("--market", 1, "--horizon", "soon"), "Got the horizon soon; expected impact, long_run"),
        (("--market", 1, "--date", "1999-01"), "Market 1 has no period 1999-01"),
        (("--market", 1, "--date", "2024-01-01"), "the first period of market 1"),
        (("--market", 1, "--firm", "X"), "There is no firm X; there are A, B, C, D."),
        (("--market", 1, "--level", 1.5), "Got the level 1.5"),
        (("--market", 1, "--intervals", "some"), "Got the intervals some; expected"),
    ],
)
def test_refusals(store, capsys, options, sentence):
    code, _, err = beed(capsys, "effects", store, *options)
    assert code == ExitCode.REFUSED
    assert sentence in " ".join(err.split())


def test_explain(store, tmp_path, capsys):
    picture = tmp_path / "fall.svg"
    arguments = ("explain", store, "--market", 1, "--firm", "B", "--from", "2024-02-05")
    code, out, _ = beed(capsys, *arguments, "--plot", picture)
    assert code == 0
    assert "share of B, market 1, investment-mixed: 2024-02-05 to 2024-07-22" in " ".join(out.split())
    assert "discount of B" in out
    assert "discount of B" in picture.read_text()
    code, out, _ = beed(capsys, *arguments, "--to", "2024-05-06", "--format", "json")
    rows = json.loads(out)
    for measure, scale in (("share", 1.0), ("sales", 50e6)):
        parts = {row["cause"]: row["value"] for row in rows if row["measure"] == measure}
        missing = 2 * parts["after"] - sum(parts.values())
        assert abs(missing) < 1e-8 * scale
    assert "total" in {row["cause"] for row in rows}
    code, out, _ = beed(capsys, *arguments, "--against", "rivals-at-mean", "--format", "json")
    makers = {row["effort_of"] for row in json.loads(out) if row["kind"] == "effort"}
    assert makers == {"A", "C", "D"}
    code, out, _ = beed(capsys, *arguments, "--against", "nothing", "--format", "json")
    makers = {row["effort_of"] for row in json.loads(out) if row["kind"] == "effort"}
    assert makers == {"B"}


def test_returns(store, tmp_path, capsys):
    picture = tmp_path / "returns.svg"
    arguments = ("returns", store, "--market", 1, "--firm", "A", "--periods", 6)
    code, out, _ = beed(capsys, *arguments, "--margin", 0.4, "--plot", picture)
    assert code == 0
    assert "marginal profit per unit of money, after 6 periods" in " ".join(out.split())
    assert "money per period" in picture.read_text()
    found = returns(open_store(str(store)), market=1, firms=["A"], periods=6, margin=0.4, intervals="none")
    one = found["value"].sel(firm="A", effort="discount")
    money, sales, slope = (one.sel(quantity=name).values for name in ("money", "sales", "marginal_sales"))
    # The trapezium over the marginal sales is the rise of sales.
    rise = np.sum(0.5 * (slope[1:] + slope[:-1]) * np.diff(money))
    assert rise == pytest.approx(sales[-1] - sales[0], rel=0.01)
    np.testing.assert_allclose(one.sel(quantity="marginal_profit"), 0.4 * slope - 1.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("explain", "--firm", "X"), "Market 1 has no firm X; it has A, B, C, D."),
        (("explain", "--firm", "A", "--from", "2024-07-22"), "expected an earlier and a later one"),
        (("explain", "--firm", "A", "--against", "me"), "Got the reference me; expected one of last-year"),
        (("explain", "--firm", "A", "--against", "last-year"), "The efforts of last year are asked for"),
        (("returns", "--effort", "price"), "There is no effort price; there are discount, place."),
    ],
)
def test_refusals_of_causes(store, capsys, arguments, sentence):
    code, _, err = beed(capsys, arguments[0], store, "--market", 1, *arguments[1:])
    assert code == ExitCode.REFUSED
    assert sentence in " ".join(err.split())
