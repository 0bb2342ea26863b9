"""Flight plans that are kept in the store, and where the market is against them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import BeedError
from pipeline.explore.reply import Page
from pipeline.explore.visit import Visit
from pipeline.forecasting.periods import label_text
from pipeline.planning.stored import Deviation, deviations
from pipeline.reporting.blocks import Block, Facts, Picture, Section, Text, grid
from pipeline.reporting.cells import cell
from pipeline.reporting.console.deviations import describe_deviation
from pipeline.reporting.plots.stored_plan import draw_stored_plan
from pipeline.reporting.plots.svg import inline_svg
from pipeline.results.frames.table import Table

if TYPE_CHECKING:
    import xarray as xr

_NONE = (
    "No flight plan is kept in the store. `beed plan STORE --firm F --target ... --save NAME` keeps it; "
    "after the next recalibration this page holds the market against it."
)


def plans(visit: Visit) -> Page:
    """Show every plan with its band and what has happened."""
    return Page("models.html", "Plans", {"models": (), "sections": lambda: _sections(visit)})


def _sections(visit: Visit) -> Iterator[Section]:
    results = visit.view.results
    known = results.plans()
    if not known:
        yield Section("none", "No plans", (Text(_NONE, "note"),))
        return
    of_plan = {one.plan: one for one in deviations(results, list(known))}
    live = {one.plan for one in deviations(results)}
    for number, (name, plan) in enumerate(known.items()):
        try:
            blocks = tuple(_blocks(visit, plan, of_plan.get(name), f"plan{number}"))
        except BeedError as error:
            blocks = (Text(str(error), "warning"),)
        state = "live" if name in live else "over" if name in of_plan else "not begun"
        yield Section(f"plan-{number}", f"{name} ({state})", blocks)


def _blocks(visit: Visit, plan: "xr.Dataset", deviation: Deviation | None, prefix: str) -> Iterator[Block]:
    said = plan.attrs
    if deviation is None:
        yield Text("No period of it has come yet.")
    else:
        yield Text(describe_deviation(deviation), "warning" if deviation.outside else "lead")
        if deviation.outside:
            yield Text(f"`beed plan STORE --again {deviation.plan}` plans the rest.")
    yield Facts(
        {
            "firm": str(said["firm"]),
            "market": str(said["market"]),
            "model": str(said["model"]),
            "target": f"a share of {cell(float(said['target']))} by {said['deadline']}",
            "chance when it was made": cell(float(said["chance"])),
            "made": str(said["created"])[:16].replace("T", " "),
        }
    )
    times, seen = _observed(visit, plan)
    label = f"Planned share of {said['firm']} with its band, and the observed one"
    svg = inline_svg(draw_stored_plan(plan, times, seen), label, prefix)
    yield Picture(
        svg, "Planned share and expenses; the band holds nine of ten courses; points were observed."
    )
    yield from grid("What it does", _course(plan), rows=24, folded=True)


def _observed(visit: Visit, plan: "xr.Dataset") -> tuple[np.ndarray, np.ndarray]:
    """Give the labels of all periods, and the share of the firm of a plan in them."""
    panel = visit.view.results.lazy_panel
    markets = [str(label) for label in panel["market"].values.tolist()]
    firms = [str(firm) for firm in panel["firm"].values.tolist()]
    sales = panel["sales"].isel(market=markets.index(str(plan.attrs["market"]))).values
    share = sales[firms.index(str(plan.attrs["firm"]))] / np.nansum(sales, axis=0)
    return panel["time"].values, share


def _course(plan: "xr.Dataset") -> Table:
    """Write what a plan does in each period."""
    efforts = plan["efforts"].transpose("effort", "future").values
    columns = {
        "period": np.array([label_text(time) for time in plan["future"].values], dtype=object),
        "share": plan["share"].values,
        "expenses": plan["expenses"].values,
    }
    return Table(columns | dict(zip(map(str, plan["effort"].values.tolist()), efforts, strict=True)))
