"""Further linear terms of a response as inputs of the kernels: each is one more effort, its curve linear."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix
from pipeline.config.terms import Term, response_terms
from pipeline.config.variants import Variant
from pipeline.panel.market import MarketArrays

GONE = -1
"""In place of a firm that has left its market: what it does counts for nothing."""


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
    terms = terms_of(variant, market)
    if not terms:
        return market, efforts
    inputs = term_inputs(terms, market.efforts, market.active, efforts)
    extended = replace(market, efforts=np.ascontiguousarray(np.concatenate([market.efforts, inputs])))
    return extended, (*efforts, *(term.name for term in terms))


def terms_of(variant: Variant, market: MarketArrays) -> tuple[Term, ...]:
    """List the further terms of a model in a market."""
    choice = variant.response
    if not (choice.lag or choice.own or choice.cross):
        return ()
    return response_terms(choice, [str(firm) for firm in market.firms.tolist()])


def terms_among(terms: Sequence[Term], present: NDArray[np.bool_]) -> tuple[Term, ...]:
    """Renumber the firms of terms when only some are left; those of firms that are gone stay, as `GONE`."""
    number = np.where(present, np.cumsum(present) - 1, GONE).tolist()

    def among(firm: int | None) -> int | None:
        return None if firm is None else int(number[firm])

    return tuple(replace(term, firm=among(term.firm), rival=among(term.rival)) for term in terms)


def term_inputs(
    terms: Sequence[Term], efforts: Matrix, active: NDArray[np.bool_], names: Sequence[str]
) -> Matrix:
    """Give the inputs of terms, shape (terms, T, N); nan for absent firms, as efforts are.

    Parameters
    ----------
    terms : sequence of Term
    efforts : (K, T, N) array
        All periods: lags reach back to the first one.
    active : (T, N) array of bool
    names : sequence of str
        Of the K efforts.
    """
    return np.stack([_input(term, active, efforts[list(names).index(term.effort)]) for term in terms])


def _input(term: Term, active: NDArray[np.bool_], effort: Matrix) -> Matrix:
    used = _lagged(effort, active, term.lag) if term.lag else effort
    if term.rival == GONE:
        used = np.zeros_like(effort)
    elif term.rival is not None:
        # A rival that is not there does nothing.
        seen = active[:, term.rival]
        used = np.repeat(np.where(seen, used[:, term.rival], 0.0)[:, np.newaxis], effort.shape[1], axis=1)
    if term.firm is not None:
        used = used * np.isin(np.arange(effort.shape[1]), (term.firm, *term.alike))
    return np.where(active, used, np.nan)


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
