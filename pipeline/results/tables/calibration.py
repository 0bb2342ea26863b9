"""Where shares came in their forecast distributions: counts of probability integral transforms."""

import numpy as np
from numpy.typing import NDArray

from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.calibration import FEWEST_GROUPS
from pipeline.validation.windows import kind_of


def pit_groups(tables: SweepTables, contender: str, kind: str, future: str) -> NDArray[np.int64]:
    """Count the transforms of the forecasts of a model or baseline.

    Parameters
    ----------
    tables
        Of the sweep.
    contender
        Name of the model or baseline.
    kind
        ``holdout`` or ``rolling``.
    future
        ``given`` or ``carried``.

    Returns
    -------
    (group, bin) array
        A group are the forecasts of one market after one origin; of single periods, where there are few such
        groups. No rows where nothing was counted, as in stores of earlier versions.
    """
    arrays = tables.validation_arrays()
    futures, names = ([str(label) for label in tables.labels(axis)] for axis in ("future", "model"))
    windows = np.array([kind_of(str(name)) == kind for name in tables.labels("window")])
    if "pit_count" not in arrays or not windows.any() or future not in futures:
        return np.zeros((0, 1), dtype=np.int64)
    place = (slice(None), windows, names.index(contender), futures.index(future), slice(None), slice(None))
    counts = np.asarray(arrays["pit_count"].oindex[place]).astype(np.int64)
    groups = counts.sum(axis=-2).reshape(-1, counts.shape[-1])
    if (groups.sum(axis=1) > 0).sum() < FEWEST_GROUPS:
        groups = counts.reshape(-1, counts.shape[-1])
    return groups[groups.sum(axis=1) > 0]
