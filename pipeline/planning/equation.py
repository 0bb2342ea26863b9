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
    """
    return np.asarray(np.multiply(share, total_investment) + np.multiply(jump_price, rate))


def investment_against(share: ArrayLike, rate: ArrayLike, rivals: ArrayLike, jump_price: ArrayLike) -> Floats:
    """Effective investment of a firm whose share changes at a rate, given what the others invest.

    Its own investment is part of the total that it has to keep up with, hence the division.
    """
    return required_investment(share, rate, rivals, jump_price) / (1.0 - np.asarray(share))


def held_share(own: ArrayLike, rivals: ArrayLike) -> Floats:
    """Share that an effective investment holds against that of the others, in the investment form."""
    return np.asarray(own) / np.add(own, rivals)
