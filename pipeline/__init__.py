"""From one YAML study to calibrated markets in a store that can be asked.

The rooms, in the order that data flow through them::

    config -> panel -> models -> validation -> fitting -> sweep (on executors) -> store -> results
           -> forecasting -> planning, causes -> games, vintages -> reporting -> cli

A room imports only from those before it (the table stands in ``pyproject.toml``).
"""

import sys

if sys.argv[:1] and sys.argv[0].rpartition("/")[2] == "beed":
    # Until the program listens, Ctrl-C just ends it. Here, since this is the first line of ours that runs:
    # before it, in the interpreter's own start, a traceback may still be seen.
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from pipeline.budgeting.allocate import allocate
    from pipeline.causes.effects import effects
    from pipeline.causes.experiment import propose_experiment
    from pipeline.causes.explain import explain
    from pipeline.causes.returns import returns
    from pipeline.config.load import load_study
    from pipeline.config.sections.allocation import AllocationSettings
    from pipeline.config.sections.game import GameSettings
    from pipeline.config.sections.planning import PlanSettings
    from pipeline.config.sections.scenario import Scenario
    from pipeline.config.study import Study
    from pipeline.errors import BeedError
    from pipeline.forecasting.save import store_forecast
    from pipeline.forecasting.scenario import forecast
    from pipeline.games.game import play
    from pipeline.planning.equation import held_share, investment_against, required_investment
    from pipeline.planning.flight import flight_plan
    from pipeline.reporting.page import write_report
    from pipeline.results.result_store import ResultStore, open_store
    from pipeline.sweep.coordinator import run_study
    from pipeline.vintages.recalibrate import recalibrate_study

# The libraries behind a store take most of a second to import; `beed --help` must not wait for them.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "budgeting.allocate": ["allocate"],
        "causes.effects": ["effects"],
        "causes.experiment": ["propose_experiment"],
        "causes.explain": ["explain"],
        "causes.returns": ["returns"],
        "config.load": ["load_study"],
        "config.sections.allocation": ["AllocationSettings"],
        "config.sections.game": ["GameSettings"],
        "config.sections.planning": ["PlanSettings"],
        "config.sections.scenario": ["Scenario"],
        "config.study": ["Study"],
        "errors": ["BeedError"],
        "forecasting.save": ["store_forecast"],
        "forecasting.scenario": ["forecast"],
        "games.game": ["play"],
        "planning.equation": ["held_share", "investment_against", "required_investment"],
        "planning.flight": ["flight_plan"],
        "reporting.page": ["write_report"],
        "results.result_store": ["ResultStore", "open_store"],
        "sweep.coordinator": ["run_study"],
        "vintages.recalibrate": ["recalibrate_study"],
    },
)
__all__ = [
    "AllocationSettings",
    "BeedError",
    "GameSettings",
    "PlanSettings",
    "ResultStore",
    "Scenario",
    "Study",
    "allocate",
    "effects",
    "explain",
    "flight_plan",
    "forecast",
    "held_share",
    "investment_against",
    "load_study",
    "open_store",
    "play",
    "propose_experiment",
    "recalibrate_study",
    "required_investment",
    "returns",
    "run_study",
    "store_forecast",
    "write_report",
]
