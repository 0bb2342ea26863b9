"""Plans are kept beside the fits, held against what has happened, and planned again from there."""

import pytest
from planned import SETTINGS, write_planned
from rich.console import Console

from pipeline.errors import PlanError, StoreNotFoundError
from pipeline.planning.flight import flight_plan
from pipeline.planning.stored import deviations, settings_of, store_plan, stored_plan
from pipeline.reporting.console.deviations import show_deviations
from pipeline.results.result_store import open_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_planned(tmp_path_factory.mktemp("growing"))


def test_a_plan_is_stored_once(folder):
    results = open_store(folder / "runs", date="2025-10-06")
    with pytest.raises(PlanError, match="has a plan hold-a"):
        store_plan(results, flight_plan(results, SETTINGS), SETTINGS, "hold-a")


def test_a_plan_is_held_against_what_has_happened(folder):
    results = open_store(folder / "runs", sweep="shops")
    (found,) = deviations(results)
    assert (found.plan, found.firm, found.market, found.time) == ("hold-a", "A", "1", "2025-10-20")
    plan = stored_plan(results, "hold-a")
    sales = results.panel()["sales"].sel(market=1).isel(time=-1)
    assert found.observed == pytest.approx(float(sales.sel(firm="A") / sales.sum()))
    assert found.planned == pytest.approx(float(plan["share"][1]))
    assert found.low < found.planned < found.high
    console = Console(width=200, record=True, quiet=False)
    show_deviations(console, [found], "runs")
    said = console.export_text()
    assert "Plan hold-a: A in market 1 has" in said
    assert "beed plan runs --again hold-a" in said
    with pytest.raises(StoreNotFoundError, match="there are: hold-a"):
        stored_plan(results, "hold-b")


def test_a_plan_is_not_stored_beside_a_sweep_that_is_not_there(folder):
    store = open_store(folder / "runs").store
    with pytest.raises(StoreNotFoundError, match="nowhere"):
        store.write_plan("nowhere", "plan", {}, {}, {})


def test_the_rest_is_planned_again(folder):
    results = open_store(folder / "runs", sweep="shops")
    settings = settings_of(stored_plan(results, "hold-a"))
    again = flight_plan(results, settings)
    assert str(again.times[-1])[:10] == "2025-11-17"
    assert again.times.size == 4
    assert again.target == settings.target
    store_plan(results, again, settings, "hold-a")
    assert stored_plan(open_store(folder / "runs", sweep="shops"), "hold-a").sizes["future"] == 4
