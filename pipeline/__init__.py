"""From one YAML study to calibrated markets in a store that can be asked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.config import Study, load_study
    from pipeline.config_planning import PlanSettings
    from pipeline.errors import BeedError
    from pipeline.planning import flight_plan
    from pipeline.planning_equation import held_share, investment_against, required_investment
    from pipeline.query import ResultStore, open_store
    from pipeline.recalibrate import recalibrate_study
    from pipeline.report import write_report
    from pipeline.run import run_study

__all__ = [
    "BeedError",
    "PlanSettings",
    "ResultStore",
    "Study",
    "flight_plan",
    "held_share",
    "investment_against",
    "load_study",
    "open_store",
    "recalibrate_study",
    "required_investment",
    "run_study",
    "write_report",
]

_HOMES = {
    "BeedError": "errors",
    "PlanSettings": "config_planning",
    "ResultStore": "query",
    "Study": "config",
    "flight_plan": "planning",
    "held_share": "planning_equation",
    "investment_against": "planning_equation",
    "load_study": "config",
    "open_store": "query",
    "recalibrate_study": "recalibrate",
    "required_investment": "planning_equation",
    "run_study": "run",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    # The libraries behind a store take most of a second to import; `beed --help` must not wait for them.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"pipeline.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
