"""What became of one fit: the codes that every room speaks of."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Status(IntEnum):
    """What became of one fit. Codes are never renumbered; 0 is the fill value."""

    PENDING = 0
    CONVERGED = 1
    EVALUATIONS_EXHAUSTED = 2
    """The limit of evaluations was reached; the best point found is stored."""
    NO_FINITE_START = 3
    NOT_FINITE = 4
    TOO_FEW_RESIDUALS = 5
    ZERO_SHARE = 6
    OUTSIDE_DOMAIN = 7
    ONE_FIRM = 8
    OPTIMISER_ERROR = 9
    WORKER_CRASHED = 10
    NOT_APPLICABLE = 11
    NO_FIRST_STAGE = 12

    @property
    def sentence(self) -> str:
        """The reason, in words."""
        return _SENTENCES[self]

    @property
    def reason(self) -> str:
        """The name of the reason, as users write it: ``no_finite_start``."""
        return self.name.lower()

    @property
    def usable(self) -> bool:
        """Whether parameter values are stored for this fit."""
        return self in (Status.CONVERGED, Status.EVALUATIONS_EXHAUSTED)

    @property
    def failed(self) -> bool:
        """Whether a fit was tried and gave no usable result."""
        return not self.usable and self not in (Status.PENDING, Status.NOT_APPLICABLE)


class NoForecast(IntEnum):
    """Why a usable fit has no forecast of the periods after it. Codes are never renumbered."""

    NONE = 0
    """It has one, or none was asked for."""
    OUTSIDE_DOMAIN = 1
    NEGATIVE_RESPONSE = 2
    NOT_FINITE = 3

    @property
    def sentence(self) -> str:
        """The reason, in words."""
        return _NO_FORECAST[self]


def is_usable(codes: Any) -> NDArray[np.bool_]:
    """Tell of every status code of an array (or array of a store) whether it is that of a usable fit."""
    return np.isin(np.asarray(codes), [int(status) for status in Status if status.usable])


_SENTENCES = {
    Status.PENDING: "Not calibrated yet.",
    Status.CONVERGED: "Converged.",
    Status.EVALUATIONS_EXHAUSTED: "The limit of evaluations was reached first; the best point is kept.",
    Status.NO_FINITE_START: "The response or the residual was not finite at any of the starting points.",
    Status.NOT_FINITE: "The response or the residual became infinite or undefined during the fit.",
    Status.TOO_FEW_RESIDUALS: "There are fewer residuals than free parameters.",
    Status.ZERO_SHARE: "A share is zero in a fitted period, and log-ratios need positive shares.",
    Status.OUTSIDE_DOMAIN: "An effort lies outside the domain of its response curve.",
    Status.ONE_FIRM: "Fewer than two firms share this market in the fitted periods.",
    Status.OPTIMISER_ERROR: "The optimiser stopped with an error.",
    Status.WORKER_CRASHED: "The worker died twice while calibrating this market.",
    Status.NOT_APPLICABLE: "This model does not apply to this market.",
    Status.NO_FIRST_STAGE: "The instruments of an endogenous effort say nothing of it in this market.",
}

_NO_FORECAST = {
    NoForecast.NONE: "Forecast.",
    NoForecast.OUTSIDE_DOMAIN: "An effort after the fitted periods lies outside the domain of its curve.",
    NoForecast.NEGATIVE_RESPONSE: "Efforts after the fitted periods make the market function f negative, "
    "which only γ = 1 allows.",
    NoForecast.NOT_FINITE: "The response or the shares become infinite or undefined after those fitted.",
}
