"""Several programs in the form that kernels take."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TILE = 512
"""Elements worked on at a time."""


class ProgramSet(NamedTuple):
    """Several programs in the form that kernels take.

    `layout` (program, 8): first scalar instruction, first vector instruction, end of instructions, first
    constant, end of constants, number of parameters, of scalars, of registers.
    """

    code: NDArray[np.int64]
    constants: NDArray[np.float64]
    layout: NDArray[np.int64]
