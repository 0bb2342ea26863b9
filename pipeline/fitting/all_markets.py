"""What the fit of one market takes from all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.models.priors import Belief
from pipeline.store.format.first_stage import PooledSlopes


@dataclass(frozen=True, eq=False)
class AllMarkets:
    """What all markets together say of the periods of one window.

    Attributes
    ----------
    population
        Mean and standard deviation by parameter: priors of a pooled model, in place of the study's.
    first_stages
        By endogenous effort, where its first stage is pooled over markets; None where it cannot be made.
    """

    population: Mapping[str, Belief] | None = None
    first_stages: Mapping[str, PooledSlopes | None] | None = None


NOT_ASKED = AllMarkets()
"""For models that look at each market alone."""
