"""Plans are kept beside the fits, held against what has happened, and planned again from there."""

import pytest
from growing import rows, write
from rich.console import Console

from pipeline.config.load import load_study
from pipeline.config.sections.planning import PlanSettings
from pipeline.errors import PlanError, StoreNotFoundError
from pipeline.planning.flight import flight_plan
from pipeline.planning.stored import deviations, settings_of, store_plan, stored_plan
from pipeline.reporting.console.deviations import show_deviations
from pipeline.results.result_store import open_store
from pipeline.vintages.recalibrate import recalibrate_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("growing")
    for weeks in (40, 42):
        study = load_study(write(folder, rows(weeks)))
        if weeks == 42:
            save(folder)
        recalibrate_study(study, f"2025-{'10-06' if weeks == 40 else '10-20'}")
    return folder


def save(folder):
    results = open_store(folder / "runs")
    settings = PlanSettings.model_validate(
        {
            "firm": "A",
            "market": 1,
            "by": "+6",
            "prices": {"deal": 10.0},
            "uncertainty": {"draws": 50},
        }
    )
    flight = flight_plan(results, settings)
    store_plan(results, flight, settings, "hold-a")
    with pytest.raises(PlanError, match="has a plan hold-a"):
        store_plan(results, flight, settings, "hold-a")


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
