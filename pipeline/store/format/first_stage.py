"""Pooled first stages as the store has them: their arrays, and one of them as a record."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.store.format.catalogue import Variable
from pipeline.store.format.layout import sweep_path


@dataclass(frozen=True, eq=False)
class PooledSlopes:
    """What J regressors explain of one effort, with slopes that all markets have in common.

    Attributes
    ----------
    labels
        Names of the J regressors, instruments first.
    slopes, covariance
        (J,) in units of the effort by those of the regressors, and (J, J), clustered by market.
    f_statistic
        Of the instruments, by this covariance.
    n_markets
        Number of markets that they come from.
    """

    labels: tuple[str, ...]
    slopes: np.ndarray
    covariance: np.ndarray
    f_statistic: float
    n_markets: int


#: By window and endogenous effort; None where an effort has no pooled first stage.
PooledStages = Mapping[str, Mapping[str, PooledSlopes | None]]

AXES = ("window", "endogenous", "regressor")
_UNIT = "unit of the effort by that of the regressor"
SLOPE = Variable("slope", "first_stages", AXES, _UNIT, "what the regressor explains of the effort")
COVARIANCE = Variable(
    "covariance", "first_stages", (*AXES, "regressor_"), "products of those", "covariance of the slopes"
)
STRENGTH = Variable("first_stage_f", "first_stages", AXES[:2], "1", "F statistic of the instruments")
N_MARKETS = Variable("n_markets", "first_stages", AXES[:2], "1", "markets that the slopes come from")


def first_stages_path(sweep: str, model: str) -> str:
    """Group of the pooled first stages of a model."""
    return f"{sweep_path(sweep)}/first_stages/{model}"
