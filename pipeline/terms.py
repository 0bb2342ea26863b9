"""Further linear terms of a response as inputs of the kernels: each is one more effort, its curve linear."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Variant
from pipeline.config_terms import Term, response_terms
from pipeline.panel_market import MarketArrays

Matrix = NDArray[np.float64]


def with_terms(
    variant: Variant, market: MarketArrays, efforts: tuple[str, ...]
) -> tuple[MarketArrays, tuple[str, ...]]:
    """Give a market the inputs of all terms that a model has beyond the curves of its efforts.

    Parameters
    ----------
    variant : Variant
    market : MarketArrays
        All its periods: lags reach back to the first one.
    efforts : tuple of str
        Names along its effort axis.

    Returns
    -------
    MarketArrays, tuple of str
        The market with more efforts, and all their names; as given when there are no further terms.
    """
    terms = response_terms(variant.response, [str(firm) for firm in market.firms.tolist()])
    if not terms:
        return market, efforts
    inputs = np.stack([_input(term, market, market.efforts[efforts.index(term.effort)]) for term in terms])
    extended = replace(market, efforts=np.ascontiguousarray(np.concatenate([market.efforts, inputs])))
    return extended, (*efforts, *(term.name for term in terms))


def _input(term: Term, market: MarketArrays, effort: Matrix) -> Matrix:
    """Input of one term, shape (T, N); nan for absent firms, as efforts are."""
    used = _lagged(effort, market.active, term.lag) if term.lag else effort
    if term.rival is not None:
        # A rival that is not there does nothing.
        seen = market.active[:, term.rival]
        used = np.repeat(np.where(seen, used[:, term.rival], 0.0)[:, np.newaxis], effort.shape[1], axis=1)
    if term.firm is not None:
        used = used * (np.arange(effort.shape[1]) == term.firm)
    return np.where(market.active, used, np.nan)


def _lagged(effort: Matrix, active: NDArray[np.bool_], lag: int) -> Matrix:
    """Efforts of earlier periods; where the firm was not there, those of the period it entered with."""
    shifted = np.concatenate([np.repeat(effort[:1], min(lag, len(effort)), axis=0), effort[:-lag]])
    before = np.concatenate([np.repeat(active[:1], min(lag, len(active)), axis=0), active[:-lag]])
    filled = np.where(before, shifted, np.nan)
    for t in range(len(effort)):
        lost = active[t] & np.isnan(filled[t])
        # Back to the nearest earlier state of knowledge: what it did a period before, or does now.
        known = filled[t - 1, lost] if t else effort[t, lost]
        filled[t, lost] = np.where(np.isnan(known), effort[t, lost], known)
    return filled
