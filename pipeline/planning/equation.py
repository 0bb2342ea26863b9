"""The equation of motion read backwards: the effective investment that holds or moves a share.

``inv_i = share_i sum_j inv_j + M dshare_i/dt`` (Nabiyev 2023, DOI 10.26577/SEDGCh.2023v2ca16). All
investments are in currency per period.
"""

import numpy as np
from numpy.typing import ArrayLike

from kernels.numeric.arrays import Floats


def required_investment(
    share: ArrayLike, rate: ArrayLike, total_investment: ArrayLike, jump_price: ArrayLike
) -> Floats:
    """Effective investment of a firm whose share changes at a rate, given what all firms invest together.

    Parameters
    ----------
    share
        Market share.
    rate
        Its change per period; 0 to hold it.
    total_investment
        Of all firms, this one included.
    jump_price
        M, currency.

    Returns
    -------
    array or float
        Effective investment, currency per period; the shapes of the arguments are broadcast.

    Examples
    --------
    To hold a tenth of a market in which all invest 5 million, and to gain a point per period on top:

    >>> import beed
    >>> float(beed.required_investment(0.10, 0.01, 5e6, jump_price=300e6))
    3500000.0
    """
    return np.asarray(np.multiply(share, total_investment) + np.multiply(jump_price, rate))


def investment_against(share: ArrayLike, rate: ArrayLike, rivals: ArrayLike, jump_price: ArrayLike) -> Floats:
    """Effective investment of a firm whose share changes at a rate, given what the others invest.

    Its own investment is part of the total that it has to keep up with, hence the division.

    Parameters
    ----------
    share
        Market share.
    rate
        Its change per period; 0 to hold it.
    rivals
        What all others invest together, currency per period.
    jump_price
        M, currency.

    Returns
    -------
    array or float
        Effective investment, currency per period; the shapes of the arguments are broadcast.

    Examples
    --------
    >>> import beed
    >>> float(beed.investment_against(0.10, 0.0, 4.5e6, jump_price=300e6))
    500000.0
    """
    return required_investment(share, rate, rivals, jump_price) / (1.0 - np.asarray(share))


def held_share(own: ArrayLike, rivals: ArrayLike) -> Floats:
    """Share that an effective investment holds against that of the others, in the investment form.

    Parameters
    ----------
    own
        Effective investment of the firm, currency per period.
    rivals
        That of all others together.

    Returns
    -------
    array or float
        The share, between 0 and 1; the shapes of the arguments are broadcast.

    Examples
    --------
    >>> import beed
    >>> float(beed.held_share(1.0, 3.0))
    0.25
    """
    return np.asarray(own) / np.add(own, rivals)
