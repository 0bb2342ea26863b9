"""One experiment in one market: what was changed, when, and what that was measured to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

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


def hash_experiments(
    market_hash: str, table: NDArray[np.float64], axes: Sequence[NDArray | Sequence[str]]
) -> str:
    """Hash the experiments of a market (E, F) with the hash of its data, which it is where there are none.

    Parameters
    ----------
    market_hash : str
        SHA-256 of the data.
    table : (E, F) array
        As in `experiments_of`.
    axes : sequence
        Labels of firms, efforts and periods, which count, and not their places.
    """
    known = table[~np.isnan(table[:, FIELDS.index("effect")])]
    if not len(known):
        return market_hash
    periods = np.asarray(axes[2])
    # Stores give back finer dates than were stored.
    periods = periods.astype("datetime64[s]") if periods.dtype.kind == "M" else periods
    digest = sha256(market_hash.encode())
    for row in known.tolist():
        firm, effort, first, last = (int(place) for place in row[:4])
        labels = axes[0][firm], axes[1][effort], periods[first], periods[last]
        digest.update("\x1f".join([*map(str, labels), *map(repr, row[4:])]).encode())
    return digest.hexdigest()


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
