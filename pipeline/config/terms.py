"""Further linear terms of a response: past efforts, coefficients of single firms, effects of rivals' efforts.

========================== ============================================== =================================
name                       adds to f of firm i in period t                written as
========================== ============================================== =================================
price.lag2                 β u_i(t - 2)                                   lag: {price: 2}
price.own.<i>              β_i u_i(t), beside the common coefficient      own: price
price.cross.<i>.<j>        β_ij u_j(t)                                    cross: price
price.lag1.own.<i>         β_i u_i(t - 1)                                 lag: {price: 1}, own: price.lag1
========================== ============================================== =================================

Periods are those observed; before a firm's first one its efforts are taken as they were in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.variants import ResponseChoice


@dataclass(frozen=True, slots=True)
class Term:
    """One term, linear in an effort.

    Attributes
    ----------
    name
        Of its coefficient.
    effort, lag
        The effort, and how many periods ago.
    firm
        Position of the only firm whose f contains it; None: that of every firm does.
    rival
        Position of the firm whose effort it is; None: it is the effort of the firm itself.
    alike
        Positions of further firms, beside ``firm``, whose f contains it: those that enter and are like it.
    """

    name: str
    effort: str
    lag: int = 0
    firm: int | None = None
    rival: int | None = None
    alike: tuple[int, ...] = ()


def lag_terms(choice: ResponseChoice) -> tuple[Term, ...]:
    """List the terms of past efforts, which do not depend on the firms."""
    return tuple(
        Term(f"{effort}.lag{lag}", effort, lag)
        for effort, longest in choice.lag.items()
        for lag in range(1, longest + 1)
    )


def response_terms(choice: ResponseChoice, firms: Sequence[str]) -> tuple[Term, ...]:
    """List all further terms of a response in a market of given firms.

    Parameters
    ----------
    choice
        The response.
    firms
        Their labels, in the order of the market.

    Returns
    -------
    tuple of Term
        Lags, then own terms, then cross terms; empty when the response has none.
    """
    lags = lag_terms(choice)
    bases = {effort: Term(effort, effort) for effort in choice.curves} | {term.name: term for term in lags}
    terms = list(lags)
    for name in choice.own:
        base = bases[name]
        terms += [
            Term(f"{name}.own.{label}", base.effort, base.lag, firm) for firm, label in enumerate(firms)
        ]
    for name in choice.cross:
        base = bases[name]
        terms += [
            Term(f"{name}.cross.{label}.{other}", base.effort, base.lag, firm, rival)
            for firm, label in enumerate(firms)
            for rival, other in enumerate(firms)
            if rival != firm
        ]
    return tuple(terms)
