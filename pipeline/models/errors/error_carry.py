"""What the errors of one period leave behind: a part that lasts in the state, and part of the next error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR, PLAIN
from kernels.least_squares.serial_errors import kept_and_weight
from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.predictive import log_errors


@dataclass(frozen=True, slots=True)
class ErrorCarry:
    """How errors of log-ratios (or of plain shares) go on from period to period.

    Attributes
    ----------
    gain
        (T,) part of an error of each period that is in the state which the next one begins at; may be another
        one for each of several paths, (T, D, 1).
    spread
        How large the errors of each period are in those of a common one, of the same shape.
    kept
        (T,) part of an error, in the spread of its own period, that the error of each period repeats; 0 where
        other firms move than before.
    kind
        Errors of log-ratios or of plain shares: `ILR` or `PLAIN` of the kernels.
    """

    gain: NDArray[np.float64]
    spread: NDArray[np.float64]
    kept: Vector
    kind: int

    @classmethod
    def over(
        cls,
        gain: float | Matrix,
        autocorrelation: float,
        kind: int,
        moving: NDArray[np.bool_],
        duration: Vector,
        lengths: PeriodLengths,
    ) -> "ErrorCarry":
        """Make it for the periods of a market.

        Parameters
        ----------
        gain : float or (D, 1) array
            Of a common period.
        autocorrelation : float
        kind : int
            `ILR` or `PLAIN`.
        moving : (T, N) array of bool
            Who moves.
        duration : (T,) array
            In periods.
        lengths : PeriodLengths
        """
        kept = kept_and_weight(autocorrelation, 0, moving, duration)[0]
        return cls(*lengths.scales(gain), kept, kind)

    @property
    def repeated(self) -> NDArray[np.float64]:
        """What of the error of the period before is expected in each period, laid out as `spread`."""
        ratio = self.spread.copy()
        ratio[1:] /= self.spread[:-1]
        return ratio * self.kept.reshape(-1, *(1 for _ in ratio.shape[1:]))

    def error(self, modelled: Matrix, observed: Matrix, moving: NDArray[np.bool_]) -> Matrix:
        """Give the errors (T, N) of modelled shares, 0 for firms that do not move."""
        if self.kind == ILR:
            return np.nan_to_num(log_errors(observed, modelled, moving))
        seen = np.where(moving, observed, 0.0)
        room = np.where(moving, modelled, 0.0).sum(axis=1, keepdims=True)
        seen = seen * (room / seen.sum(axis=1, keepdims=True))
        return np.where(moving, seen - modelled, 0.0)

    def seen(self, modelled: Matrix, error: Matrix, moving: NDArray[np.bool_]) -> Matrix:
        """Add errors to modelled shares: see `with_error`."""
        return with_error(modelled, error, moving, self.kind)

    def state(
        self, modelled: Matrix, seen: Matrix, moving: NDArray[np.bool_], at: int | slice = slice(None)
    ) -> Matrix:
        """Give the shares that the next period begins at: see `correct`.

        Shares (B, N) are those of one period, or (T, N) of several, one after the other.
        """
        gain = self.gain[at]
        return correct(modelled, seen, moving, gain[:, None] if isinstance(at, slice) else gain, self.kind)


def with_error(share: Matrix, error: Matrix, moving: NDArray[np.bool_], kind: int) -> Matrix:
    """Add errors to the shares (B, N) of the firms that move, which keep what they have together."""
    moved = share * np.exp(error) if kind == ILR else np.maximum(share + error, 0.0)
    moved = np.where(moving, moved, 0.0)
    total = moved.sum(axis=1, keepdims=True)
    room = np.where(moving, share, 0.0).sum(axis=1, keepdims=True)
    return np.where(moving & (total > 0.0), moved * (room / np.where(total > 0.0, total, 1.0)), share)


def correct(
    modelled: Matrix,
    observed: Matrix,
    moving: NDArray[np.bool_],
    gain: float | NDArray[np.float64],
    kind: int,
) -> Matrix:
    """Correct modelled shares by the gain, all (..., N): the state that the next period begins at.

    The gain may be another one for each, (..., 1).

    Firms that entered (``moving`` is False) keep their share; absent ones are nan.
    """
    room = np.where(moving, modelled, 0.0).sum(axis=-1, keepdims=True)
    if np.all(gain == 0.0):
        return modelled
    if np.all(gain == 1.0) or kind == PLAIN:
        seen = np.where(moving, observed, 0.0)
        seen = seen * (room / seen.sum(axis=-1, keepdims=True))
        return np.where(moving, (1.0 - gain) * modelled + gain * seen, modelled)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(moving, modelled ** (1.0 - gain) * observed**gain, 0.0)
    return np.where(moving, drawn * (room / drawn.sum(axis=-1, keepdims=True)), modelled)
