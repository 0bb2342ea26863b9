"""What the other packages use of a panel, whatever it was made from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import xarray as xr

from pipeline.names import Label
from pipeline.panel.findings import PanelNote


class Panel(Protocol):
    """Markets, firms, efforts and periods: labels at once, data some markets at a time.

    `pipeline.panel.source.PanelSource` implements it; see there for shapes and units.
    """

    @property
    def markets(self) -> np.ndarray:
        """Labels of the markets in order, shape (L,)."""

    @property
    def firms(self) -> np.ndarray:
        """Labels of the firms in order, shape (N,)."""

    @property
    def entries(self) -> np.ndarray:
        """How often each firm enters a market at the most, after the first period there, shape (N,)."""

    @property
    def times(self) -> np.ndarray:
        """Labels of the periods in order, shape (T,), int64 or datetime64[s]."""

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names of the efforts."""

    @property
    def frequency(self) -> str:
        """One period in words, e.g. ``1 week``."""

    @property
    def n_experiments(self) -> int:
        """Experiments in a market at most."""

    @property
    def notes(self) -> tuple[PanelNote, ...]:
        """What is unusual about the data but allowed."""

    @property
    def content_hash(self) -> str:
        """SHA-256 of all values and labels."""

    @property
    def market_hashes(self) -> Mapping[Label, str]:
        """SHA-256 of the values of each market, by label, in order."""

    def load(self, markets: Sequence[Label] | np.ndarray | slice) -> xr.Dataset:
        """Load some markets, by label or by a slice of positions."""

    def blocks(self, size: int) -> Iterator[xr.Dataset]:
        """Give all markets in order, ``size`` of them at a time."""

    def close(self) -> None:
        """Free the temporary files of the panel."""
