"""The commands that look ahead: arguments in, tables out, refusals with a sentence."""

import json

import numpy as np
import pytest
from command_line import beed
from shops import run_shops

from pipeline import flight_plan, forecast, open_store
from pipeline.cli.arguments import parse_bounds, parse_margins, parse_target
from pipeline.errors import ExitCode, PlanError, QueryError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shops")
    run_shops(folder)
    return folder / "store"


def test_forecast(store, tmp_path, capsys):
    path = tmp_path / "s.yaml"
    path.write_text("scenario: more\nhorizon: 3\nfirms: {A: {discount: {budget: 1.0e+6}}}\n")
    code, out, _ = beed(capsys, "forecast", store, "--scenario", path, "--set", "uncertainty.draws=5")
    assert code == 0
    assert "Stored:" in out
    assert "`investment-mixed` is used: the model of the verdict, by AICc alone" in " ".join(out.split())
    assert "forecast more-" in out
    options = ("--set", "uncertainty.draws=5", "--format", "json")
    code, out, _ = beed(capsys, "forecast", store, "--scenario", path, *options)
    assert len(rows := json.loads(out)) == 2 * 3 * 4
    assert {"market", "time", "firm", "share", "share_0.5", "sales_0.95"} <= set(rows[0])
    assert (rows[0]["model"], rows[0]["chosen_by"]) == ("investment-mixed", "aicc")


def test_plan(store, capsys):
    arguments = (
        "plan",
        store,
        "--firm",
        "A",
        "--market",
        1,
        "--target",
        "share=20% by=+4",
        "--set",
        "uncertainty.draws=5",
    )
    code, out, _ = beed(capsys, *arguments)
    assert code == 0
    assert "reached, on the cheapest path" in out
    code, out, _ = beed(capsys, *arguments, "--path", "linear", "--format", "json")
    rows = json.loads(out)
    assert rows[-1]["share"] == pytest.approx(0.2, abs=1e-8)
    assert (rows[-1]["model"], rows[-1]["chosen_by"]) == ("investment-mixed", "aicc")
    assert (rows[0]["feasible"], rows[0]["binding"]) == (True, "")
    assert 0 <= rows[0]["chance"] <= 1
    assert rows[0]["money"] == pytest.approx(sum(row["expenses"] for row in rows))
    assert 0 < rows[0]["holding_cost"] < rows[0]["holding_cost_of_target"]
    code, out, _ = beed(
        capsys, *arguments[:-4], "--target", "share=0.99 by=+2", "--set", "uncertainty.draws=0"
    )
    assert code == ExitCode.UNREACHABLE
    assert "not reachable: the nearest share is" in out
    assert "upper bound" in out


def test_game(store, capsys):
    options = (
        "--market",
        1,
        "--model",
        "investment-*",
        "--margin",
        0.5,
        "--set",
        "starts=1",
        "--set",
        "rounds=3",
    )
    code, out, _ = beed(
        capsys, "game", store, *options, "--bound", "discount=0:5e6", "--bound", "place=0:5e6"
    )
    assert code == 0
    assert "best response of each firm" in out


def test_refusals_say_what_to_do(store, capsys):
    for arguments, words in (
        (("plan", store, "--firm", "A", "--target", "share=0.2"), "say which one with --market: 1, 2"),
        (("plan", store, "--firm", "Q", "--market", 1), "no firm Q in its last period; it has A, B, C, D"),
        (("plan", store, "--market", 1), "firm"),
        (("plan", store, "--firm", "A", "--market", 1, "--target", "price=3"), "--target"),
        (("plan", store, "--firm", "A", "--market", 1, "--set", "target=2"), "number < 1"),
        (("game", store, "--market", 1, "--margin", "lots"), "--margin"),
    ):
        code, _, err = beed(capsys, *arguments)
        assert code == ExitCode.REFUSED, err
        assert words in err


def test_targets_bounds_and_margins_are_read():
    assert parse_target("share=0.20 by=2027-06") == {"target": 0.2, "by": "2027-06"}
    assert parse_target("by=+3,share=5%") == {"by": "+3", "target": 0.05}
    assert parse_target(None) == {}
    assert parse_bounds(["a=0:0.5", "b=:2"]) == {"a": [0.0, 0.5], "b": [None, 2.0]}
    assert parse_margins(["0.3"]) == 0.3
    assert parse_margins(["A=0.3", "B=C=0.2"]) == {"A": 0.3, "B=C": 0.2}
    for wrong in (["x"], ["x=1"], ["x=a:b"]):
        with pytest.raises(PlanError):
            parse_bounds(wrong)


def test_answers_show_themselves_and_turn_into_frames_and_arrays(store):
    results = open_store(store)
    made = forecast(results, {"scenario": "on", "horizon": 2, "uncertainty": {"draws": 0}})
    assert len(made.to_pandas()) == 2 * 2 * 4
    arrays = made.to_xarray()
    assert arrays["share"].dims == ("market", "time", "firm")
    np.testing.assert_allclose(arrays["share"].sum("firm"), 1.0)
    np.testing.assert_array_equal(arrays["share"].sel(market=2).values, made.market(2).share)
    assert "<th>share</th>" in made._repr_html_()
    assert repr(made).startswith("Forecast on: 2 markets, 2 periods\nmarket")
    with pytest.raises(QueryError, match="Market 9 is not in this forecast; there are: 1, 2"):
        made.market(9)
    settings = {"firm": "A", "market": 1, "by": "+3", "target": 0.2, "uncertainty": {"draws": 0}}
    flight = flight_plan(results, settings)
    assert flight.to_xarray()["share"].dims == ("time",)
    assert flight.to_pandas()["share"].iloc[-1] == pytest.approx(0.2, abs=1e-8)
    assert repr(flight).startswith("Flight plan of A, market 1, model investment-mixed\n")
