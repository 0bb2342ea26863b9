"""Two vintages of data that grow, and a flight plan that was made between them."""

from growing import STUDY, rows, write

from pipeline.config.load import load_study
from pipeline.config.sections.planning import PlanSettings
from pipeline.planning.flight import flight_plan
from pipeline.planning.stored import store_plan
from pipeline.results.result_store import open_store
from pipeline.vintages.recalibrate import recalibrate_study

SETTINGS = PlanSettings.model_validate(
    {"firm": "A", "market": 1, "by": "+6", "prices": {"deal": 10.0}, "uncertainty": {"draws": 50}}
)


_SMALL = STUDY.replace("[investment, proportional]", "investment").replace("starts: 4", "starts: 2")
_MARKETS = (1, 2)


def write_planned(folder):
    """Make the store in ``folder / "runs"``; the plan is called hold-a. Gives the folder."""
    recalibrate_study(load_study(write(folder, rows(40, _MARKETS), _SMALL)), "2025-10-06")
    later = load_study(write(folder, rows(42, _MARKETS), _SMALL))
    results = open_store(folder / "runs")
    store_plan(results, flight_plan(results, SETTINGS), SETTINGS, "hold-a")
    recalibrate_study(later, "2025-10-20")
    return folder
