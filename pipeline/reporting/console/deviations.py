"""How far markets are from the flight plans that are being flown."""

from collections.abc import Sequence

from rich.console import Console

from pipeline.planning.stored import Deviation
from pipeline.reporting.console.printing import print_line


def show_deviations(console: Console, found: Sequence[Deviation], store: str | None = None) -> None:
    """Print a sentence for each plan, and with a store how to plan the rest of those that are off."""
    for one in found:
        print_line(console, describe_deviation(one))
        if store is not None:
            print_line(console, f"         beed plan {store} --again {one.plan}   plans the rest")


def describe_deviation(one: Deviation) -> str:
    """Say in a sentence where a market is against a plan."""
    where = "outside" if one.outside else "inside"
    return (
        f"Plan {one.plan}: {one.firm} in market {one.market} has {one.observed:.4g} in {one.time}, "
        f"planned {one.planned:.4g}, {where} its 90 % band {one.low:.4g} to {one.high:.4g}; wanted "
        f"{one.target:.4g} by {one.deadline}."
    )
