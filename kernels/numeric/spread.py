"""Some of many, evenly chosen."""

import numpy as np
from numpy.typing import NDArray


def evenly_spread(count: int, most: int) -> NDArray[np.int64]:
    """Choose positions in a list of ``count``: all of them, or ``most``, the first and the last among them.

    Parameters
    ----------
    count, most : int
        Not negative.

    Returns
    -------
    (<= most,) array
        Ascending.
    """
    positions: NDArray[np.int64] = np.unique(
        np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    )
    return positions
