"""Marketing pressure: what of the firms' marketing moves the demand for all of them, weighted by share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats


@dataclass(frozen=True, eq=False)
class Pressure:
    """J series of share-weighted marketing.

    Weights are shares before the period, which its efforts and its demand have not moved yet.

    Attributes
    ----------
    names : tuple of str
        Of the efforts; empty where it is the market function f of the model.
    index : (J,) array of int
        Their positions; empty likewise.
    priced : (J,) array of bool
        Which of them are prices: they count by their logarithm, for demand answers to prices themselves, not
        to how they compare with one another.
    logarithm : bool
        Whether f counts by its logarithm; under gamma = 1, where f and f + c are one model, it is f itself.
    centre, scale : (J,) arrays
        Mean and standard deviation in the periods known.
    """

    names: tuple[str, ...]
    index: NDArray[np.intp]
    priced: NDArray[np.bool_]
    logarithm: bool
    centre: Floats
    scale: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the series."""
        return self.names or ("f",)

    def series(self, before: Floats, chosen: Floats, f: Floats) -> Floats:
        """Give the series (T, J) in standard deviations from their mean.

        Parameters
        ----------
        before : (T, N) array
            Shares before each period, which sum to 1 over the firms present.
        chosen : (K, T, N) array
            Efforts, but prices in place of their indices.
        f : (T, N) array
        """
        return (self.raw(before, chosen, f) - self.centre) / self.scale

    def raw(self, before: Floats, chosen: Floats, f: Floats) -> Floats:
        """Give the series (T, J) in their own units."""
        if self.index.size:
            inputs = chosen[self.index]
            # What absent firms set is 0, and has no weight.
            inputs[self.priced] = np.log(np.where(inputs[self.priced] > 0.0, inputs[self.priced], 1.0))
            return np.einsum("tn,jtn->tj", before, inputs)
        # A firm that is not there yet has no f, and no weight.
        weighted = np.nansum(before * f, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):  # refused by who asks, with its place
            return np.asarray(np.log(weighted) if self.logarithm else weighted)[:, np.newaxis]
