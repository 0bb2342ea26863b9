"""What efforts are still worth after the last period of a plan: the goodwill that it leaves behind."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.response import ForecastResponse
from pipeline.planning.controls import Controls

# Periods over which an effect is followed until nothing of it is left.
_LONG = 400


def goodwill_part(response: ForecastResponse, controls: Controls) -> Floats:
    """Give the part of the effect of each effort that is left after the last period, (L, H).

    A stock of goodwill that is run down has to be restored by later efforts of the same whole effect, so an
    effort of period s is worth this part of its price at the end. With a geometric carry-over of which a part
    δ stays, that is ``δ**(H + 1 - s)``: what restores the stock to where steady efforts keep it.
    """
    horizon = response.market.horizon
    kernel = response.carry_kernel(_LONG)[controls.index, :, controls.firm]
    left = kernel.sum(axis=1, keepdims=True) - np.cumsum(kernel, axis=1)
    whole = kernel.sum(axis=1, keepdims=True)
    # An effort of the last period has acted in one period, one of the first period in all.
    return np.asarray((left / np.where(whole == 0.0, 1.0, whole))[:, horizon - 1 :: -1])
