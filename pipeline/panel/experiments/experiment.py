"""One experiment in one market: what was changed, when, and what that was measured to do."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIELDS = (
    "firm",
    "effort",
    "first",
    "last",
    "baseline",
    "changed",
    "change",
    "sales",
    "effect",
    "stderr",
)
"""What a panel holds of an experiment, in this order: places along its axes firm, effort and time (first and
last period), values of the effort, 1 where sales were measured, and what was measured."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An effort of a firm changed for some periods, and the difference that was measured.

    Attributes
    ----------
    number : int
        Place among the experiments of its market.
    firm, effort : int
        Places among the firms of the market, and among the efforts of the panel.
    first, last : int
        Periods of the market, both included.
    baseline, changed : float
        Values of the effort that are compared; nan where `change` says it.
    change : float
        The effort as in the data against the effort less this; nan where the values are given.
    sales : bool
        Whether sales over all periods were measured, currency; else the mean share.
    effect, stderr : float
        Measured difference and its standard error.
    """

    number: int
    firm: int
    effort: int
    first: int
    last: int
    baseline: float
    changed: float
    change: float
    sales: bool
    effect: float
    stderr: float


def experiments_of(
    table: NDArray[np.float64], firms: NDArray[np.intp], times: NDArray[np.intp]
) -> tuple[Experiment, ...]:
    """Read the experiments of one market out of a panel.

    Parameters
    ----------
    table : (E, F) array
        By `FIELDS`; rows of nan where the market has fewer than others.
    firms, times : (N,), (T,) arrays
        Places of the market's firms and periods along the axes of the panel.
    """
    known = np.flatnonzero(~np.isnan(table[:, FIELDS.index("effect")]))
    return tuple(_experiment(number, table[number], firms, times) for number in known.tolist())


def without_later(experiments: Iterable[Experiment], count: int) -> tuple[Experiment, ...]:
    """Keep the experiments that were over before the period with this number."""
    return tuple(one for one in experiments if one.last < count)


def _experiment(
    number: int, row: NDArray[np.float64], firms: NDArray[np.intp], times: NDArray[np.intp]
) -> Experiment:
    value = dict(zip(FIELDS, row.tolist(), strict=True))
    within = np.flatnonzero((times >= value["first"]) & (times <= value["last"]))
    return Experiment(
        number=number,
        firm=int(np.searchsorted(firms, int(value["firm"]))),
        effort=int(value["effort"]),
        first=int(within[0]),
        last=int(within[-1]),
        baseline=value["baseline"],
        changed=value["changed"],
        change=value["change"],
        sales=bool(value["sales"]),
        effect=value["effect"],
        stderr=value["stderr"],
    )
