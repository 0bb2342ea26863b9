"""Flight plans beside the fits: stored under a name, held against what has happened, planned again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.sections.planning import PlanSettings
from pipeline.errors import PlanError, StoreNotFoundError
from pipeline.forecasting.periods import label_text
from pipeline.store.format.plan import PLAN_QUANTILES

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.planning.flight import FlightPlan
    from pipeline.results.results import Results


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where the market is against a plan, in the newest period that both have.

    Attributes
    ----------
    plan, market, firm
        Name of the plan, and whose it is.
    time, deadline
        Labels of the period, and of the plan's last one.
    planned, observed : float
        Shares.
    low, high : float
        Band of the plan that holds nine shares out of ten.
    target : float
    """

    plan: str
    market: str
    firm: str
    time: str
    deadline: str
    planned: float
    observed: float
    low: float
    high: float
    target: float

    @property
    def outside(self) -> bool:
        """Whether the share is outside the band: what the plan was made on no longer holds."""
        return not self.low <= self.observed <= self.high


def store_plan(
    results: "Results", flight: "FlightPlan", settings: PlanSettings, name: str, *, again: bool = False
) -> None:
    """Write a plan into the store that it was made from, under a name.

    Planned ``again`` on a sweep that has the plan, nothing is written: the one that is flown stays.

    Raises
    ------
    PlanError
        The sweep has a plan of this name, or no band was drawn to hold the market against.
    StoreError
        The store cannot be written.
    """
    if flight.band is None:
        raise PlanError("A plan that is kept needs its band: expected uncertainty.draws of 1 or more.")
    deadline = label_text(flight.times[flight.way - 1])
    kept = settings.model_copy(update={"by": deadline, "target": flight.target, "market": flight.market})
    fresh = results.store.write_plan(
        results.sweep.name,
        name,
        {"future": flight.times, "quantile": np.array(PLAN_QUANTILES), "effort": np.array(flight.levers)},
        {
            "share": flight.plan.course.share[:, flight.place],
            "share_quantile": flight.band,
            "expenses": flight.plan.expenses,
            "efforts": flight.plan.levers,
        },
        {
            "settings": json.loads(kept.model_dump_json()),
            "market": str(flight.market),
            "firm": str(flight.firm),
            "model": flight.model,
            "target": flight.target,
            "deadline": deadline,
            "chance": flight.chance.value,
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "snapshot": results.snapshot,
        },
    )
    if not fresh and not again:
        raise PlanError(f"The sweep {results.sweep.name} has a plan {name}; give it another name.")


def stored_plan(results: "Results", name: str) -> "xr.Dataset":
    """Open a stored plan by its name.

    Raises
    ------
    StoreNotFoundError
        There is none.
    """
    known = results.plans()
    if name not in known:
        raise StoreNotFoundError(f"There is no plan {name}; there are: {', '.join(known) or 'none'}.")
    return known[name]


def settings_of(plan: "xr.Dataset") -> PlanSettings:
    """Give the settings that a stored plan was made with: target and deadline as they were."""
    return PlanSettings.model_validate(plan.attrs["settings"])


def deviations(results: "Results", names: Sequence[str] | None = None) -> tuple[Deviation, ...]:
    """Hold the newest data against all live plans: those that are not over, and of which a period is known.

    Parameters
    ----------
    results
        The newest calibration.
    names
        These plans only.
    """
    found, panel = [], results.panel()
    times, labels = panel["time"].values, [str(label) for label in panel["market"].values.tolist()]
    for name, plan in results.plans().items():
        future = plan["future"].values
        known = np.flatnonzero(np.isin(future, times))
        wanted = not _over(plan, times) if names is None else name in names
        if not known.size or not wanted:
            continue
        at = int(known[-1])
        sales = panel["sales"].isel(market=labels.index(plan.attrs["market"])).sel(time=future[at])
        firms = [str(firm) for firm in panel["firm"].values.tolist()]
        share = sales.values / np.nansum(sales.values)
        band = plan["share_quantile"].values[:, at]
        found.append(
            Deviation(
                plan=name,
                market=plan.attrs["market"],
                firm=plan.attrs["firm"],
                time=label_text(future[at]),
                deadline=plan.attrs["deadline"],
                planned=float(plan["share"].values[at]),
                observed=float(share[firms.index(plan.attrs["firm"])]),
                low=float(band[0]),
                high=float(band[-1]),
                target=float(plan.attrs["target"]),
            )
        )
    return tuple(found)


def _over(plan: "xr.Dataset", times: np.ndarray) -> bool:
    """Tell whether the deadline of a plan lies before the newest period."""
    future = plan["future"].values
    labels = [label_text(time) for time in future]
    return bool(times[-1] > future[labels.index(plan.attrs["deadline"])])
