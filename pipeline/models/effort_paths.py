"""Courses that the efforts of a market may take after its data, drawn from how they moved in them.

Every effort of every firm is taken back to its usual level at the pace that the data show, and moved by what
moved it in a stretch of past periods. One stretch is drawn for all firms and efforts, so what they did at the
same time they do at the same time again. Nothing is taken as normal: a flag stays a flag.

The usual level is known as well as a mean of T periods is, and a stretch of H periods has a mean that is
nearer to that of all T than one of H new ones would be: sums over H vary by ``H (1 - H/T)`` shocks in place
of ``H (1 + H/T)``. Both are mended by levels with twice the variance of that mean: ``H (1 - H/T) + H² 2/T``.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix
from pipeline.panel.market import MarketArrays

PATHS = 64
"""Courses drawn for a forecast of which the efforts are not known."""
_SEED = 20230518
# Fewer changes of a firm than this show no pace; it goes on as it was.
_FEWEST_CHANGES = 3


@dataclass(frozen=True, eq=False)
class EffortProcess:
    """How the efforts of a market moved: K efforts, T periods, N firms.

    ``u(t+1) = level + persistence (u(t) - level) + shock(t+1)``, with the shocks of the past.

    Attributes
    ----------
    last : (K, N) array
        Efforts of the last period; of a firm that is gone, of its last one.
    level : (K, N) array
        Mean of each firm.
    persistence : (K,) array
        In [0, 1], of each effort, common to all firms.
    shocks : (K, T - 1, N) array
        Nan where a firm was not there in two periods in a row.
    seen : tuple of arrays
        Values that each effort was seen at, ascending.
    """

    last: Matrix
    level: Matrix
    persistence: Matrix
    shocks: Cube
    seen: tuple[Matrix, ...]

    def draw(
        self, horizon: int, count: int, rng: np.random.Generator, around: Cube | None = None
    ) -> NDArray[np.float64]:
        """Draw courses of H periods, shape (count, K, H, N).

        Parameters
        ----------
        horizon, count : int
        rng : Generator
        around : (K, H, N) array, optional
            Course to vary around; by default every effort goes from its last value to its usual level.

        Returns
        -------
        array
            Each effort at a value that it was seen at, of any firm: the one next to what was drawn.
        """
        deviation = np.zeros((count, *self.level.shape))
        if around is None:
            around = np.repeat(self.level[:, np.newaxis], horizon, axis=1)
            deviation += self.last - self.level
        dates, drift = self._dates(horizon, count, rng), self._drift(count, rng)
        firms = np.arange(self.level.shape[1])
        paths = np.empty((count, len(self.level), horizon, firms.size))
        for period in range(horizon):
            shock = np.nan_to_num(self.shocks[:, dates[:, period], firms]).transpose(1, 0, 2)
            deviation = self.persistence[:, np.newaxis] * deviation + shock + drift
            paths[:, :, period] = around[:, period] + deviation
        for effort, values in enumerate(self.seen):
            paths[:, effort] = _nearest(values, paths[:, effort])
        return paths

    def _drift(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw what each period adds where the usual level is another one, (count, K, N).

        Means of past shocks drawn with replacement, of the same periods for all firms and efforts.
        """
        n_efforts, n_shocks, n_firms = self.shocks.shape
        times = rng.multinomial(n_shocks, np.full(n_shocks, 1.0 / n_shocks), size=count).astype(np.float64)
        lived = (~np.isnan(self.shocks).any(axis=0)).astype(np.float64)
        flat = np.nan_to_num(self.shocks).transpose(1, 0, 2).reshape(n_shocks, -1)
        total = (times @ flat).reshape(count, n_efforts, n_firms)
        mean = total / np.maximum(times @ lived, 1.0)[:, np.newaxis]
        usual = flat.sum(axis=0).reshape(n_efforts, n_firms) / np.maximum(lived.sum(axis=0), 1.0)
        drift: NDArray[np.float64] = np.sqrt(2.0) * (mean - usual)
        return drift

    def _dates(self, horizon: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Periods whose shocks are used, (count, H, N): stretches, the same for all firms that were there."""
        n_shocks, n_firms = self.shocks.shape[1:]
        known = ~np.isnan(self.shocks).any(axis=0)
        date = (rng.integers(n_shocks, size=(count, 1)) + np.arange(horizon)) % n_shocks
        dates = np.repeat(date[:, :, np.newaxis], n_firms, axis=2)
        for firm in range(n_firms):
            own = np.flatnonzero(known[:, firm])
            if own.size:
                # What a firm did not live through is drawn from what it did, at the same distance.
                dates[:, :, firm] = np.where(known[date, firm], date, own[date % own.size])
        return dates


def effort_process(efforts: Cube, active: NDArray[np.bool_]) -> EffortProcess:
    """Find how efforts moved.

    Parameters
    ----------
    efforts : (K, T, N) array
        Of the known periods, at least 1; values of absent firms are not read.
    active : (T, N) array of bool

    Notes
    -----
    The persistence is the regression of all firms' deviations on those one period before, with the bias of
    short series, ``-(1 + 3 ρ) / T``, added back (Kendall 1954, Biometrika 41, 403-404). A longer period
    counts as one.
    """
    n_times, n_firms = active.shape
    known = np.where(active, efforts, 0.0)
    count = active.sum(axis=0)
    level = known.sum(axis=1) / np.maximum(count, 1)
    last = known[:, n_times - 1 - np.argmax(active[::-1], axis=0), np.arange(n_firms)]
    both = active[1:] & active[:-1] & (active.sum(axis=0) > _FEWEST_CHANGES)
    deviation = np.where(active, known - level[:, np.newaxis], 0.0)
    before, after = (np.where(both, deviation[:, part], 0.0) for part in (slice(None, -1), slice(1, None)))
    square = (before**2).sum(axis=(1, 2))
    slope = (before * after).sum(axis=(1, 2)) / np.where(square > 0.0, square, 1.0)
    length = max(float(count.max(initial=1)), 1.0)
    persistence = np.clip((slope * length + 1.0) / max(length - 3.0, 1.0), 0.0, 1.0)
    shocks = np.where(both, after - persistence[:, np.newaxis, np.newaxis] * before, np.nan)
    # A firm that was there too shortly keeps what it had.
    level = np.where(both.any(axis=0), level, last)
    seen = tuple(np.unique(values[active]) if active.any() else np.zeros(1) for values in known)
    return EffortProcess(last, level, persistence, shocks, seen)


def draw_efforts(efforts: Cube, active: NDArray[np.bool_], horizon: int) -> NDArray[np.float64]:
    """Draw `PATHS` courses of efforts after the known periods, always with the same random numbers.

    Takes what `effort_process` does; returns (PATHS, K, H, N).
    """
    process = effort_process(efforts, active)
    if len(active) < 2:
        held = np.repeat(process.last[:, np.newaxis], horizon, axis=1)
        return np.repeat(held[np.newaxis], PATHS, axis=0)
    return process.draw(horizon, PATHS, np.random.default_rng(_SEED))


def with_efforts(market: MarketArrays, n_train: int, ahead: Cube) -> MarketArrays:
    """Give a market other efforts (K, H, N) after its first ``n_train`` periods; nan for absent firms."""
    efforts = market.efforts.copy()
    efforts[:, n_train:] = np.where(market.active[n_train:], ahead, np.nan)
    return replace(market, efforts=efforts)


def _nearest(values: Matrix, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace numbers by the nearest of some ascending values."""
    above = np.clip(np.searchsorted(values, wanted), 1, max(values.size - 1, 1))
    if values.size == 1:
        return np.full_like(wanted, values[0])
    low, high = values[above - 1], values[above]
    return np.where(wanted - low <= high - wanted, low, high)
