"""f and its derivatives where a model is fitted: firms and periods that move, in one row."""

import numpy as np

from kernels.least_squares.market import MarketData, moving_firms
from kernels.numeric.arrays import Matrix, Vector
from kernels.response.evaluate import OK, ResponseSpec, evaluate, make_workspace, prepare


class Cells:
    """f of R parameters in the K cells of firms and periods, as often as a search asks.

    Parameters
    ----------
    spec : ResponseSpec
        Of f.
    data : MarketData
        Of the model, whose efforts were checked when it was made.
    """

    def __init__(self, spec: ResponseSpec, data: MarketData) -> None:
        moving = moving_firms(data.active)
        moving[: data.first] = False
        self._moving, shape, size = moving.ravel().nonzero()[0], moving.shape, spec.n_parameters
        work = make_workspace(spec, *shape)
        prepare(spec, data.efforts, data.active, data.duration, work)
        self._inputs = spec, data.efforts, data.active, data.duration, work
        self._column = np.arange(size)
        self._value, self._slope = np.empty(shape), np.empty((size, *shape))

    def at(self, theta: Vector) -> tuple[Vector, Matrix] | None:
        """Give f (K,) and its derivatives in the parameters of the response (R, K); None where not finite."""
        if evaluate(*self._inputs, theta, self._column, self._value, self._slope) != OK:
            return None
        value, slope = self._value.ravel(), self._slope.reshape(len(self._slope), -1)
        return value[self._moving], slope[:, self._moving]
