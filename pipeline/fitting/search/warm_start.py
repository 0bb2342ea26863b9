"""Starting a calibration where an earlier one ended."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.fit import FitSection


@dataclass(frozen=True, eq=False)
class WarmStarts:
    """Estimates of an earlier calibration of some markets.

    Attributes
    ----------
    value : (L, W, P) array
        By market, window and parameter of the model; nan for what is not known.
    starts : int
        Fresh starting points beside them.
    """

    value: NDArray[np.float64]
    starts: int

    def estimates(self, cell: tuple[int, int], names: tuple[str, ...]) -> dict[str, float]:
        """Give what is known of one market and window, by parameter."""
        values = self.value[cell].tolist()
        return {name: value for name, value in zip(names, values, strict=True) if np.isfinite(value)}

    def fewer(self, fit: FitSection) -> FitSection:
        """Give the settings of a fit that need not look everywhere."""
        return fit.model_copy(update={"starts": min(1 + self.starts, fit.starts)})
