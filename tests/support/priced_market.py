"""Markets on which firms set prices, made by hand."""

from dataclasses import replace

import numpy as np
from plain_market import plain_market

from kernels.formula.expression import parse
from pipeline.config.sections.data import EFFORT_FUNCTIONS
from pipeline.results.prices.index import PriceIndex

RELATIVE = "log(price / market_mean(price))"


def price_index(history, formula=RELATIVE):
    expression = None if formula is None else parse(formula, functions=EFFORT_FUNCTIONS)
    return PriceIndex(0, "price", expression, history)


def priced_market(beta=-3.0, firms=3, periods=20, **given):
    """f = exp(beta log(p / mean p)): in the long run shares go with p**beta, whatever the mean."""
    rng = np.random.default_rng(7)
    history = rng.uniform(1.8, 2.6, (periods, firms))
    price = price_index(history)
    market = plain_market(
        np.full(firms, 1.0 / firms),
        price.index(history)[np.newaxis],
        kinds=["index"],
        link="exp",
        theta=np.array([beta]),
        **given,
    )
    return replace(market, prices=(price,)), history


def with_money(market, slope):
    """The same market with a second effort that costs money, an amount that all firms spend alike."""
    spent = np.full((1, *market.history.shape[1:]), 0.1)
    both = plain_market(
        market.share,
        np.concatenate([market.history, spent]),
        kinds=["index", "amount"],
        link="exp",
        theta=np.array([-3.0, slope]),
    )
    return replace(both, prices=market.prices)
