"""Storing the trajectories of the best model of each market, once all models have been calibrated there."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.results.fitted_shares.computed import fitted_shares
from pipeline.results.tables.cubes import read_cells
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.status import is_usable
from pipeline.store.fork import Fork, SnapshotKey
from pipeline.store.read import read_sweep
from pipeline.store.sweep import Sweep
from pipeline.store.writing.chunks import write_trajectories

#: Markets of a task at least: some milliseconds each.
_MARKETS = 256


@dataclass(frozen=True, slots=True)
class BestShares:
    """Some markets on their way to a worker, with the fork to read fits from and to write through.

    Called, it gives the fork back.
    """

    fork: Fork
    start: int
    stop: int

    def __call__(self) -> Fork:
        """Compute the shares of the best models and write them."""
        tables, markets = _tables(SnapshotKey(self.fork)), slice(self.start, self.stop)
        best = best_models(tables, markets)
        for number, model in enumerate(tables.info.models):
            wanted = best == number
            if wanted.any():
                share = fitted_shares(tables, model, markets, wanted)
                write_trajectories(self.fork, model, markets, share)
        return self.fork


def best_tasks(sweep: Sweep, n_markets: int, chunk: int) -> Iterator[BestShares]:
    """Make the tasks of a sweep, with forks that see its fits."""
    step = -(-_MARKETS // chunk) * chunk
    for start in range(0, n_markets, step):
        yield BestShares(sweep.fork(), start, min(start + step, n_markets))


def best_models(tables: SweepTables, markets: slice) -> NDArray[np.intp]:
    """Find the model with the lowest AICc, shape (market, window); -1 where no model has one."""
    column = tables.labels("stat").tolist().index("aicc")
    criterion = np.array(
        [
            np.where(
                is_usable(read_cells(arrays["status"], markets)),
                read_cells(arrays["statistic"], markets)[..., column],
                np.nan,
            )
            for arrays in map(tables.arrays, tables.info.models)
        ]
    )
    known = np.where(np.isnan(criterion), np.inf, criterion)
    return np.where(np.isfinite(known).any(axis=0), known.argmin(axis=0), -1)


@lru_cache(maxsize=1)
def _tables(key: SnapshotKey) -> SweepTables:
    return SweepTables(key.fork.session, read_sweep(key.fork.session, key.fork.sweep))
