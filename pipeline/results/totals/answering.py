"""Total sales that answer to what firms do: along a course of shares and efforts, not before it is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.results.totals.pressure import Pressure


@dataclass(frozen=True, eq=False)
class Answer:
    """How total sales answer to J series of marketing pressure.

    Attributes
    ----------
    pressure : Pressure
    coefficient : (J,) array
        Rise of the logarithm of total sales per standard deviation of each series.
    root : (J, R) array
        Square root of its covariance, by the same R standard normal numbers as the spread of the forecast.
    reference : (H, J) array
        Series along the course for which the forecast's median stands: all firms as in the last period.
    """

    pressure: Pressure
    coefficient: Floats
    root: Floats
    reference: Floats

    @property
    def stderr(self) -> Floats:
        """Standard errors (J,) of the coefficients."""
        return np.asarray(np.sqrt((self.root**2).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class AnsweringTotal:
    """Total sales of H periods as a function of shares and efforts.

    Attributes
    ----------
    answer : Answer
    median : (H,) array
        Along the reference course, currency per period.
    coefficient : (J,) array
        Those of the answer, or a draw of them.
    start : (N,) array
        Shares before the first period.
    response : callable
        Takes what firms set (K, H, N) to f (H, N) at the estimates: drawn parameters have another scale of f
        than that to which the coefficients were fitted.
    """

    answer: Answer
    median: Floats
    coefficient: Floats
    start: Floats
    response: Callable[[Floats], Floats]

    def sales(self, share: Floats, chosen: Floats) -> Floats:
        """Total sales (H,), currency per period, along shares (H, N) and what firms set (K, H, N).

        Shares are those at the ends of periods.
        """
        return self.at(np.nan_to_num(np.concatenate([self.start[np.newaxis], share[:-1]])), chosen)

    def at(self, before: Floats, chosen: Floats) -> Floats:
        """Total sales (H,) when shares are ``before`` (H, N) at the beginning of each period."""
        pressure = self.answer.pressure
        f = self.response(chosen) if not pressure.index.size else np.zeros_like(before)
        moved = pressure.series(before, chosen, f) - self.answer.reference
        return np.asarray(self.median * np.exp(moved @ self.coefficient))


TotalSales = Floats | AnsweringTotal
"""Total sales of H periods: an array (H,), or what they answer to."""


def reference_sales(total: TotalSales) -> Floats:
    """Give the total sales (H,) to begin a search with."""
    return total.median if isinstance(total, AnsweringTotal) else total
