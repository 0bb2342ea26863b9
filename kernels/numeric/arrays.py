"""Names for arrays of float64 in signatures, by the axes that they have; docstrings give their shapes."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Any number of axes."""
Vector = NDArray[np.float64]
"""One axis."""
Matrix = NDArray[np.float64]
"""Two axes."""
Cube = NDArray[np.float64]
"""Three axes."""
