"""First stages with slopes that all markets have in common: many short markets tell what one cannot.

Where instruments are weak in every market alone, estimates by market lean to those without instruments, and
their intervals are too short. Pooled over markets, with constants of the firms and periods of every market,
the slopes are known well; what they leave of the effort is then nearly the part that goes with the errors,
and the second stage of a market is unbiased, however little its own instruments say: its interval is wide
instead. The slopes must be the same in all markets: where they are not, what differs stays in the control.

Sums over markets are all that is kept, so markets may come in any number and one at a time. Errors may hang
together in any way within a market (covariance clustered by market, with the usual correction for few).

Sources: Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, 7.8 (sums over clusters);
Cameron & Miller (2015), J. Human Resources 50, 317 (their number, and the correction).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.instruments.first_stage import (
    FirstStage,
    FirstStageError,
    deviations,
    f_of_instruments,
    first_stage,
    informative,
    refuse_explained,
)
from pipeline.store.format.first_stage import PooledSlopes


class StagePool:
    """The sums of one effort and its J regressors over markets.

    Parameters
    ----------
    effort : str
    labels : sequence of str
        Names of the regressors, instruments first.
    n_instruments : int
    """

    def __init__(self, effort: str, labels: Sequence[str], n_instruments: int) -> None:
        self.effort, self.labels, self.n_instruments = effort, tuple(labels), n_instruments
        count = len(self.labels)
        # The triangle R of all rows (regressors, effort): R'R are their products, to full precision.
        self._triangle = np.zeros((0, count + 1))
        self._squares = np.zeros(count)
        self._cells = self._markets = 0
        # Second moments over markets of (Z'x, Z'Z): scores Z'(x - Z slopes) are linear in them.
        self._moments = np.zeros((count + count**2, count + count**2))
        self._first: tuple[Matrix, Cube, NDArray[np.bool_]] | None = None

    def add(self, explained: Matrix, regressors: Cube, active: NDArray[np.bool_]) -> None:
        """Add a market: its effort (T, N) and regressors (J, T, N); values of absent firms are not read."""
        within = deviations(np.concatenate([explained[np.newaxis], regressors]), active)[:, active]
        if not within.any():
            return
        self._first = (explained, regressors, active) if self._markets == 0 else None
        target, rows = within[0], within[1:]
        self._markets += 1
        self._cells += target.size
        self._squares += np.square(np.where(active, regressors, 0.0)).sum(axis=(1, 2))
        block = np.vstack([self._triangle, np.vstack([rows, target]).T])
        self._triangle = np.linalg.qr(block, mode="r")
        products = np.concatenate([rows @ target, (rows @ rows.T).ravel()])
        self._moments += np.outer(products, products)

    def estimate(self) -> PooledSlopes:
        """Give the slopes of all markets added; those of a single one are those of its own first stage.

        Raises
        ------
        FirstStageError
            An instrument never varies beside firms and periods, or says nothing that the others and the
            exogenous inputs do not say; the effort follows from them; there are too few markets.
        """
        if self._first is not None:
            stage = first_stage(self.effort, *self._first, self.labels, self.n_instruments)
            return PooledSlopes(stage.labels, stage.slopes, stage.covariance, stage.f_statistic, 1)
        if self._markets == 0:
            raise FirstStageError(f"the effort {self.effort} and its instruments vary in no market")
        rows, target = self._triangle[:, :-1].T, self._triangle[:, -1]
        kept = informative(self.effort, rows, np.sqrt(self._squares), self.labels, self.n_instruments)
        if self._markets <= len(kept):
            raise FirstStageError(
                f"the effort {self.effort} has {self.n_instruments} instruments and "
                f"{len(kept) - self.n_instruments} other inputs in {self._markets} markets; pooled slopes "
                "need more markets than that"
            )
        slopes = np.linalg.lstsq(rows[kept].T, target, rcond=None)[0]
        refuse_explained(self.effort, target - slopes @ rows[kept], target)
        covariance = self._clustered(kept, slopes)
        strength = f_of_instruments(slopes, covariance, self.n_instruments)
        used = tuple(self.labels[index] for index in kept)
        return PooledSlopes(used, slopes, covariance, strength, self._markets)

    def _clustered(self, kept: NDArray[np.int64], slopes: Vector) -> Matrix:
        """Covariance of the slopes of the regressors kept, errors free to hang together within a market."""
        count = len(self.labels)
        everywhere = np.zeros(count)
        everywhere[kept] = slopes
        scores = np.hstack([np.eye(count), -np.kron(np.eye(count), everywhere)])[kept]
        design = self._triangle[:, kept]
        bread = np.linalg.inv(design.T @ design)
        markets, cells = self._markets, self._cells
        correction = markets / (markets - 1) * (cells - 1) / (cells - len(kept))
        covariance: Matrix = correction * bread @ (scores @ self._moments @ scores.T) @ bread
        return covariance


def market_stage(
    pooled: PooledSlopes | None,
    effort: str,
    explained: Matrix,
    regressors: Cube,
    active: NDArray[np.bool_],
    labels: Sequence[str],
) -> FirstStage:
    """Give what pooled slopes leave of the effort (T, N) in one market, with its regressors (J, T, N).

    Raises
    ------
    FirstStageError
        There are no such slopes, or they leave nothing of the effort here.
    """
    if pooled is None:
        raise FirstStageError(f"the effort {effort} has no pooled first stage in these periods")
    rows = [list(labels).index(label) for label in pooled.labels]
    within = deviations(np.concatenate([explained[np.newaxis], regressors[rows]]), active)
    control = within[0] - np.tensordot(pooled.slopes, within[1:], axes=1)
    refuse_explained(effort, control[active], within[0][active])
    return FirstStage(
        effort, control, within[1:], pooled.slopes, pooled.covariance, pooled.f_statistic, pooled.labels
    )
