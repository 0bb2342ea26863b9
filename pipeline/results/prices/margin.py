"""What a price leaves of sales."""

import numpy as np

from kernels.numeric.arrays import Floats


def margin_at(price: Floats, usual: Floats, margin: Floats) -> Floats:
    """Part of sales that is earned at a price.

    A unit costs ``c = (1 - m) p0``, where m is the margin at the usual price p0. Sales are money,
    ``X = p q``, so ``q = X / p`` units are sold and ``X - c q = (1 - c / p) X`` is earned. At given money
    sales a cut of the price sells more units at less each; below ``c`` every unit loses.

    Parameters
    ----------
    price, usual, margin : arrays that broadcast
        Currency per unit, and parts of sales.
    """
    return np.asarray(1.0 - (1.0 - margin) * usual / price)
