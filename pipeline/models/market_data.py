"""Periods of a market, arranged for the kernels."""

import numpy as np

from kernels.least_squares.residual import MarketData
from pipeline.panel.market import MarketArrays


def market_data(
    market: MarketArrays,
    initial: str,
    reference_sales: float,
    kind: int,
    corrected: int = 0,
    entries: int = 0,
) -> MarketData:
    """Arrange a market for the kernels.

    Parameters
    ----------
    market : MarketArrays
    initial : str
        ``observed`` or ``estimated``: state before the first fitted period.
    reference_sales : float
        Scale of the market, currency per period.
    kind : int
        Errors of log-ratios or of plain shares: `ILR` or `PLAIN` of the kernels.
    corrected : int
        Periods before this one begin at a state corrected by the gain.
    entries : int
        How many entries of firms have a parameter.
    """
    return MarketData(
        efforts=np.ascontiguousarray(np.where(market.active, market.efforts, 0.0)),
        active=np.ascontiguousarray(market.active),
        share=np.ascontiguousarray(np.where(market.active, market.share, 0.0)),
        total_sales=np.ascontiguousarray(market.total_sales),
        duration=np.ascontiguousarray(market.duration),
        reference_sales=float(reference_sales),
        first=1 if initial == "observed" else 0,
        kind=kind,
        corrected=corrected,
        entries=entries,
    )
