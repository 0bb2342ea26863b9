"""Residuals by period and firm: the rows of a market model's residual on the axes that they come from."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import MarketData, moving_firms
from kernels.numeric.arrays import Cube, Vector
from kernels.numeric.simplex import helmert_basis


# Compared as an object, so that what depends on a layout alone can be kept for it.
@dataclass(frozen=True, eq=False)
class ResidualSpace:
    """What takes residual rows to firms and back, period by period.

    Attributes
    ----------
    basis
        (S, N, N - 1) for each of S fitted periods: takes its rows to deviations of the N firms. Columns are
        orthonormal, so that sums of squares and products are those of the rows.
    row
        (S, N - 1) position of each row in the residual, -1 where firms are absent.
    elapsed
        (S,) end of each period, in periods.
    active
        (S, N) which firms move.
    """

    basis: Cube
    row: NDArray[np.int64]
    elapsed: Vector
    active: NDArray[np.bool_]

    @functools.cached_property
    def n_rows(self) -> int:
        """Rows that compare shares."""
        return int((self.row >= 0).sum())

    @functools.cached_property
    def whole(self) -> bool:
        """Whether every firm is there in every period."""
        return bool(self.active.all()) and self.active.size > 0

    def by_period(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Arrange rows (..., R) as (..., S, N - 1), 0 where there is none; not to be written to."""
        if self.whole:
            return rows.reshape(*rows.shape[:-1], *self.row.shape)
        arranged: NDArray[np.float64] = np.where(self.row >= 0, rows[..., np.maximum(self.row, 0)], 0.0)
        return arranged

    def to_firms(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn rows (..., R) into deviations of firms (..., S, N), 0 for absent ones."""
        if self.whole:
            firms: NDArray[np.float64] = self.by_period(rows) @ self.basis[0].T
            return firms
        return np.einsum("...sk,snk->...sn", self.by_period(rows), self.basis)

    def to_rows(self, firms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn deviations of firms (..., S, N) into rows (..., R); they need not sum to zero."""
        if self.whole:
            whole: NDArray[np.float64] = (firms @ self.basis[0]).reshape(*firms.shape[:-2], -1)
            return whole
        rows = np.einsum("...sn,snk->...sk", firms, self.basis)
        return rows[..., self.row >= 0]

    def over_time(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Arrange rows (..., R) as (..., S, M) with coordinates that are the same in all periods.

        These are the N - 1 of the rows where every firm is always there, else deviations of the N firms.
        """
        return self.by_period(rows) if self.whole else self.to_firms(rows)

    def from_over_time(self, series: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn (..., S, M) of `over_time` into rows (..., R)."""
        return series.reshape(*series.shape[:-2], -1) if self.whole else self.to_rows(series)

    @functools.cached_property
    def moving(self) -> NDArray[np.bool_]:
        """(S, M) where a coordinate of `over_time` moves."""
        return np.ones(self.row.shape, dtype=np.bool_) if self.whole else self.active

    def overlap(self, step: int, place: NDArray[np.int64] | None = None) -> Vector:
        """Sum squared cosines between the rows of periods ``step`` apart, one number for every such pair.

        ``place`` (S,) puts the periods on a calendar; by default each comes right after the one before.
        """
        place = np.arange(len(self.basis)) if place is None else place
        _, first, second = np.intersect1d(place + step, place, assume_unique=True, return_indices=True)
        if self.whole:
            return np.full(first.size, float(self.basis.shape[-1]))
        product = np.einsum("snk,snl->skl", self.basis[first], self.basis[second])
        return np.sum(product**2, axis=(1, 2))


def residual_space(data: MarketData) -> ResidualSpace:
    """Lay out the residual rows of a market.

    Parameters
    ----------
    data : MarketData
        One market.

    Returns
    -------
    ResidualSpace
        Shared by all that ask for the same layout: not to be written to.
    """
    active = moving_firms(np.asarray(data.active))[data.first :]
    duration = np.asarray(data.duration, dtype=np.float64)
    return _laid_out(active.tobytes(), active.shape, duration.tobytes(), data.first)


@functools.lru_cache(maxsize=16)
def _laid_out(flags: bytes, shape: tuple[int, int], duration: bytes, first: int) -> ResidualSpace:
    """Lay out the rows of firms that move: once for all fits of the same periods and firms."""
    active = np.frombuffer(flags, dtype=np.bool_).reshape(shape)
    n_periods, n_firms = active.shape
    basis = np.zeros((n_periods, n_firms, max(n_firms - 1, 0)))
    counts = np.maximum(active.sum(axis=1) - 1, 0)
    # Most periods have the same firms.
    patterns, which = np.unique(active, axis=0, return_inverse=True)
    for number, present in enumerate(patterns):
        firms = np.flatnonzero(present)
        if firms.size > 1:
            alike = np.flatnonzero(which.ravel() == number)
            basis[np.ix_(alike, firms, np.arange(firms.size - 1))] = helmert_basis(firms.size).T
    place = np.arange(max(n_firms - 1, 0))
    begin = np.cumsum(counts) - counts
    row = np.where(place < counts[:, np.newaxis], begin[:, np.newaxis] + place, -1).astype(np.int64)
    elapsed = np.cumsum(np.frombuffer(duration))[first:]
    return ResidualSpace(basis, row, elapsed, active)
