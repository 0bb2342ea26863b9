"""What moved shares and sales of one stored fit, cause by cause, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Vector
from pipeline.models.effects.contributions import Contributions, against, between
from pipeline.results.effects.causal_market import CausalMarket, Estimated, IntervalsBy

MEASURES = ("share", "sales")
START, MEMBERSHIP, LASTING, LAST, TOTAL = (
    "start",
    "entries and exits",
    "lasting errors",
    "last error",
    "total",
)
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, eq=False)
class Explained:
    """What each cause did.

    Attributes
    ----------
    causes : tuple of (kind, effort, firm)
        `BEFORE`, the causes, `AFTER`; effort and place of the firm that makes it for kind ``effort``, else
        empty and -1.
    found : Estimated
        Arrays (C, 2, N): by cause, share and sales, firm that it was done to.
    """

    causes: tuple[tuple[str, str, int], ...]
    found: Estimated


def explain_market(
    one: CausalMarket,
    first: int,
    last: int,
    reference: Cube | None = None,
    *,
    level: float = 0.95,
    by: IntervalsBy | None = None,
) -> Explained:
    """Take the change between two periods apart, or the difference to what other efforts would have made.

    Parameters
    ----------
    one : CausalMarket
    first, last : int
        Periods, ``first < last``.
    reference : (K, T, N) array, optional
        Other efforts after the first period, prices in place of their indices; None: as they were in it, and
        the change since then is asked for.
    level, by
        As in `CausalMarket.estimate`.
    """
    arrays, efforts = one.fit.arrays, one.fit.efforts

    def quantities(theta: Vector) -> NDArray[np.float64]:
        course = one.course(theta)
        if reference is None:
            return _stacked(between(course, first, last, one.prices))
        return _stacked(against(course, first, last, reference, one.prices))

    made = [("effort", name, firm) for name in efforts for firm in range(arrays.firms.size)]
    rest = [(kind, "", -1) for kind in (START, MEMBERSHIP, LASTING, LAST, TOTAL, AFTER)]
    return Explained(((BEFORE, "", -1), *made, *rest), one.estimate(quantities, level, by))


def _stacked(found: Contributions) -> NDArray[np.float64]:
    efforts = found.efforts.reshape(2, -1, found.start.shape[1]).transpose(1, 0, 2)
    rest = (found.start, found.membership, found.lasting, found.last, found.total, found.after)
    return np.concatenate([found.before[np.newaxis], efforts, np.stack(rest)])
