"""The laws by which marketing moves market shares: calibrate them, ask them, plan with them.

>>> import beed
>>> beed.run_study(beed.load_study("study.yaml"))  # doctest: +SKIP
>>> store = beed.open_store("runs/mall")  # doctest: +SKIP
>>> store.verdict()  # doctest: +SKIP

Calibrate: `load_study`, `run_study`, `recalibrate_study`. Ask: `open_store`, `ResultStore`, `effects`,
`explain`, `returns`, `propose_experiment`, `write_report`. Look ahead: `forecast`, `store_forecast`,
`flight_plan`, `play`, `allocate`, with settings `Scenario`, `PlanSettings`, `GameSettings`,
`AllocationSettings`, or a YAML file or mapping of them. The equation itself: `required_investment`,
`investment_against`, `held_share`. What goes wrong in a way that a user can mend is a `BeedError`.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pipeline

if TYPE_CHECKING:
    from pipeline import *  # noqa: F403

__version__ = version("beed")
__all__ = ["__version__", *pipeline.__all__]


def __getattr__(name: str) -> Any:
    # Each name is imported when it is asked for: all of them together take most of a second.
    if name in pipeline.__all__:
        return getattr(pipeline, name)
    raise AttributeError(f"module 'beed' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
