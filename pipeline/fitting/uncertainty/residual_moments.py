"""Sums of products of residuals some periods apart, and what they are expected to be for any errors.

A fit leaves r = M e of the errors e, where M = 1 - P takes out what the parameters can follow. Errors whose
correlation k periods apart is ρ_k, with variance 1, have the covariance Ω = Σ_k ρ_k T_k, where T_k links
periods k apart. With L_j half the link at lag j (the identity at 0), the sum of products of residuals j
periods apart is expected to be

    E r' L_j r = tr(M L_j M Ω) = Σ_k A_jk ρ_k,   A_jk = tr(L_j T_k) - 2 tr(P L_j T_k) + tr(P L_j P T_k).

A depends on the design alone, so it is computed once, by Fourier transforms; what correlated errors leave is
then a product of a small matrix with their correlations.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.residual_space import ResidualSpace

# Where gaps make the calendar longer than this many times the periods, they are taken as one period long.
_LONGEST = 4


class ResidualMoments:
    """Observed and expected sums of products at the lags 0..J.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows.
    directions : (C, R) array
        Orthonormal rows that span the derivatives of the residual.
    lags : int
        J, the largest lag.

    Attributes
    ----------
    expected : (J + 1, K) array
        A of the module's text: times the correlations of errors 0..K-1 periods apart, and their variance.
    """

    def __init__(self, space: ResidualSpace, directions: Matrix, lags: int) -> None:
        self._space = space
        self._place = _calendar(space.elapsed)
        self._length = int(self._place[-1]) + 1
        self._lags = lags
        # Products of a series with itself at all lags, and a length that transforms are quick at.
        self._padded = fft.next_fast_len(2 * self._length, real=True)
        taken = self._laid_out(space.to_firms(directions)) if len(directions) else None
        self.expected = self._expect(taken)

    def observe(self, residual: Vector) -> Vector:
        """Sum products of residuals (R,) at every lag, shape (J + 1,)."""
        firms = self._laid_out(self._space.to_firms(residual))
        return np.array([np.sum(firms[lag:] * firms[: self._length - lag]) for lag in range(self._lags + 1)])

    def correlate(self, correlation: Vector) -> Vector:
        """Expect the sums (J + 1,) for errors of variance 1 with correlations (K',), 0 beyond those given."""
        count = min(correlation.size, self.expected.shape[1])
        sums: Vector = self.expected[:, :count] @ correlation[:count]
        return sums

    @property
    def periods(self) -> int:
        """K, periods on the calendar, gaps included."""
        return self._length

    def _laid_out(self, firms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put periods (..., S, N) on the calendar (..., K, N), 0 in gaps."""
        laid = np.zeros((*firms.shape[:-2], self._length, firms.shape[-1]))
        laid[..., self._place, :] = firms
        return laid

    def _expect(self, taken: NDArray[np.float64] | None) -> Matrix:
        expected = np.zeros((self._lags + 1, self._length))
        for lag in range(min(self._lags + 1, self._length)):
            expected[lag, lag] = self._space.overlap(lag, self._place).sum()
        if taken is None:
            return expected
        active = self._laid_out(self._space.active.astype(np.float64))
        flat = taken.reshape(len(taken), -1)
        transformed = self._transform(taken)
        for lag in range(min(self._lags + 1, self._length)):
            linked = _link(taken, lag) * active
            inner = flat @ linked.reshape(len(taken), -1).T
            combined = (inner @ flat).reshape(taken.shape) - 2.0 * linked
            spectrum = (np.conj(self._transform(combined)) * transformed).sum(axis=0)
            products = fft.irfft(spectrum, self._padded)
            expected[lag, 0] += products[0]
            expected[lag, 1:] += products[1 : self._length] + products[: -self._length : -1]
        return expected

    def _transform(self, laid: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Fourier transforms (..., frequency) of directions (C, K, N) over time, as (C N, frequency)."""
        series = np.ascontiguousarray(laid.transpose(0, 2, 1)).reshape(-1, self._length)
        whole: NDArray[np.complex128] = fft.rfft(series, self._padded, axis=1)
        return whole


def _calendar(elapsed: Vector) -> NDArray[np.int64]:
    """Places of periods (S,) on a calendar of whole periods; gaps that it cannot hold count as one period."""
    place = np.rint(elapsed - elapsed[0]).astype(np.int64)
    if np.any(np.diff(place) < 1) or place[-1] >= _LONGEST * elapsed.size:
        return np.arange(elapsed.size)
    return place


def _link(taken: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """Half the sum of what is ``lag`` periods before and after; itself at lag 0."""
    if lag == 0:
        return taken
    linked = np.zeros_like(taken)
    linked[:, lag:] += 0.5 * taken[:, :-lag]
    linked[:, :-lag] += 0.5 * taken[:, lag:]
    return linked
