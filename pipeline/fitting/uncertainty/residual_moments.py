"""Sums of products of residuals some periods apart, and what they are expected to be for any errors.

A fit leaves r = M e of the errors e, where M = 1 - P takes out what the parameters can follow. Errors whose
correlation k periods apart is ρ_k, with variance 1, have the covariance Ω = Σ_k ρ_k T_k, where T_k links
periods k apart. With L_j half the link at lag j (the identity at 0), the sum of products of residuals j
periods apart is expected to be

    E r' L_j r = tr(M L_j M Ω) = Σ_k A_jk ρ_k,   A_jk = tr(L_j T_k) - 2 tr(P L_j T_k) + tr(P L_j P T_k).

A depends on the design alone, so it is computed once; what correlated errors leave is then a product of a
small matrix with their correlations.

All of A follows from how the directions d that span P are correlated with one another over time. With
X_cd(k) the sum of products of c with d that lies k periods later or earlier, half of each,

    tr(P L_j P T_k) = 2 Σ_cd X_cd(j) X_cd(k)    (for k > 0; half of it for k = 0),

and tr(P L_j T_k) is a sum over k ± j of Σ_c X_cc but for products at a time, or of a firm, that is not there.
X is computed by Fourier transforms, for many fits of one layout at once.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.fitting.uncertainty.residual_space import ResidualSpace

# Where gaps make the calendar longer than this many times the periods, they are taken as one period long.
_LONGEST = 4
# Numbers that are worked on at a time: more of them leave the cache of a core.
_AT_ONCE = 1 << 18
# Up to so many periods a product with a matrix of waves is quicker than a fast transform.
_SHORT = 256


class ResidualMoments:
    """Observed and expected sums of products at the lags 0..J, for B fits.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows of every fit, of more than J periods.
    directions : (B, C, R) array
        Orthonormal rows that span the derivatives of the residual, and rows of zeros.
    lags : int
        J, the largest lag, at least 1.

    Attributes
    ----------
    expected : (B, J + 1, K) array
        A of the module's text: times the correlations of errors 0..K-1 periods apart, and their variance.
    """

    def __init__(self, space: ResidualSpace, directions: Cube, lags: int) -> None:
        self._space = space
        self._layout = _laid_out(space, lags)
        count, columns = directions.shape[:2]
        self.expected = np.zeros((count, lags + 1, self.periods))
        if columns > 0:
            size = columns * (4 * space.active.shape[1] + columns) * self.periods
            step = max(_AT_ONCE // max(size, 1), 1)
            for start in range(0, count, step):
                part = slice(start, start + step)
                self.expected[part] = self._taken(directions[part])
        lag = np.arange(lags + 1)
        self.expected[:, lag, lag] += self._layout.links

    def observe(self, residual: Matrix) -> Matrix:
        """Sum products of residuals (B, R) at every lag, shape (B, J + 1)."""
        series = self._series(residual).reshape(len(residual), -1)
        width = series.shape[1] // self.periods
        sums = [
            np.vecdot(series[:, lag * width :], series[:, : series.shape[1] - lag * width])
            for lag in range(len(self._layout.links))
        ]
        return np.stack(sums, axis=1)

    @property
    def periods(self) -> int:
        """K, periods on the calendar, gaps included."""
        return self._layout.length

    def _series(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put rows (..., R) on the calendar: (..., K, M), 0 in gaps."""
        series = self._space.over_time(rows)
        layout = self._layout
        if len(layout.place) == layout.length:
            return series
        laid = np.zeros((*series.shape[:-2], layout.length, series.shape[-1]))
        laid[..., layout.place, :] = series
        return laid

    def _taken(self, directions: Cube) -> Cube:
        """Give the part of A (B, J + 1, K) that P makes."""
        layout = self._layout
        count, columns = directions.shape[:2]
        series = self._series(directions)
        # X at every frequency, (B, F, C, C), and at the lags 0..J; then, for Σ_c X_cc, the identity.
        spectrum = self._spectrum(series).swapaxes(1, 2)
        cross = (spectrum @ spectrum.swapaxes(2, 3)).reshape(count, -1, columns**2)
        lags = len(layout.links)
        near = np.empty((count, lags + 1, columns**2))
        np.matmul(layout.cosine, cross, out=near[:, :lags])
        near[:, lags] = np.eye(columns).ravel()
        products = fft.irfft(near @ cross.swapaxes(1, 2), layout.padded)[..., : self.periods + lags]
        taken, own = products[:, :lags, : self.periods], products[:, lags]
        # Both signs of k; at k = 0 there is one.
        taken = taken - own[:, layout.beyond] - own[:, layout.before]
        taken[..., 1:] *= 2.0
        taken[:, 1:, 1:] += 2.0 * self._absent(series)
        return taken

    def _spectrum(self, series: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform (B, C, K, M) over time: (B, C, F, 2 M), real and imaginary parts."""
        count, columns = series.shape[:2]
        if self.periods <= _SHORT:
            waves = _waves(self.periods, self._layout.padded) @ series
        else:
            waves = fft.rfft(series, self._layout.padded, axis=2).view(np.float64)
        return waves.reshape(count, columns, -1, 2 * series.shape[3])

    def _absent(self, series: NDArray[np.float64]) -> Cube:
        """Sum products (B, J, K - 1) of what is linked to where nothing is with directions (B, C, K, M)."""
        layout = self._layout
        linked = series[:, :, layout.earlier] * layout.weight_earlier
        linked += series[:, :, layout.later] * layout.weight_later
        if layout.present.any():
            # Firms that are there are compared with one another: their mean counts for nothing.
            linked = np.where(layout.present, np.sum(linked * layout.part, axis=-1, keepdims=True), linked)
        lags, times = layout.earlier.shape
        flat = linked.reshape(*series.shape[:2], lags * times, -1)
        product = (flat @ series.swapaxes(2, 3)).sum(axis=1)
        entries = product.reshape(len(series), lags, times * self.periods)[..., layout.entry]
        sums: Cube = np.add.reduceat(entries, layout.first_entry, axis=-1)
        return sums


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What depends on the layout of rows alone.

    Attributes
    ----------
    place, length
        (S,) places of periods on a calendar of K; K.
    padded
        Length of Fourier transforms, long enough for all lags of a series and J more.
    cosine
        (J + 1, F) takes the real part of spectra to lags.
    links
        (J + 1,) tr(L_j T_j): all that there is without P.
    beyond, before
        (J + 1, K) the lags k + j and |k - j|.
    earlier, later
        (J, E) places j = 1, ..., J periods before and after E times in the calendar and up to J around it.
    weight_earlier, weight_later
        (J, E, 1) one half where there is a period, else 0.
    present, part
        (E, M) which coordinates move at these times, and the part of each in their mean.
    entry, first_entry
        Entries of an (E, K) matrix of times, those that are 1, ..., K - 1 apart one after another; (K - 1,)
        where those of each distance begin.
    """

    place: NDArray[np.int64]
    length: int
    padded: int
    cosine: Matrix
    links: Vector
    beyond: NDArray[np.int64]
    before: NDArray[np.int64]
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    weight_earlier: Cube
    weight_later: Cube
    present: NDArray[np.bool_]
    part: Matrix
    entry: NDArray[np.int64]
    first_entry: NDArray[np.int64]


@functools.lru_cache(maxsize=16)
def _laid_out(space: ResidualSpace, lags: int) -> _Layout:
    place = _calendar(space.elapsed)
    length = int(place[-1]) + 1
    padded = fft.next_fast_len(2 * length + lags, real=True)
    frequency, lag, step = np.arange(padded // 2 + 1), np.arange(length), np.arange(lags + 1)[:, np.newaxis]
    cosine = np.where((frequency == 0) | (2 * frequency == padded), 1.0, 2.0) / padded
    cosine = cosine * np.cos(2.0 * np.pi / padded * step * frequency)
    links = np.array([space.overlap(apart, place).sum() for apart in range(lags + 1)])
    moving = np.zeros((length + 2 * lags, space.moving.shape[1]), dtype=np.bool_)
    moving[place + lags] = space.moving
    times = np.flatnonzero(~moving.all(axis=1))
    present = moving[times]
    times -= lags
    apart = np.abs(times[:, np.newaxis] - lag).ravel()
    order = np.argsort(apart, kind="stable")
    entry = order[(apart[order] > 0) & (apart[order] < length)]
    earlier, later = times - step[1:], times + step[1:]
    there, yet_there = ((near >= 0) & (near < length) for near in (earlier, later))
    return _Layout(
        place=place,
        length=length,
        padded=padded,
        cosine=cosine,
        links=links,
        beyond=lag + step,
        before=np.abs(lag - step),
        earlier=np.where(there, earlier, 0),
        later=np.where(yet_there, later, 0),
        weight_earlier=np.where(there, 0.5, 0.0)[..., np.newaxis],
        weight_later=np.where(yet_there, 0.5, 0.0)[..., np.newaxis],
        present=present,
        part=present / np.maximum(present.sum(axis=1, keepdims=True), 1),
        entry=entry,
        first_entry=np.searchsorted(apart[entry], lag[1:]),
    )


@functools.lru_cache(maxsize=4)
def _waves(length: int, padded: int) -> Matrix:
    """Cosine and sine of every frequency at ``length`` times, (2 F, K); not to be written to."""
    frequency = np.arange(padded // 2 + 1)[:, np.newaxis]
    angle = 2.0 * np.pi / padded * (frequency * np.arange(length) % padded)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).reshape(-1, length)


def _calendar(elapsed: Vector) -> NDArray[np.int64]:
    """Places of periods (S,) on a calendar of whole periods; gaps that it cannot hold count as one period."""
    place = np.rint(elapsed - elapsed[0]).astype(np.int64)
    if np.any(np.diff(place) < 1) or place[-1] >= _LONGEST * elapsed.size:
        return np.arange(elapsed.size)
    return place
