"""Markets in which experiments were made: a known truth, and what an independent integrator says of them."""

from dataclasses import replace

import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.panel.experiments.experiment import Experiment
from pipeline.panel.market import MarketArrays

EFFORTS = ("price", "money")
BETA = np.array([-0.8, 0.6])
RATE = 0.4


def experiment(**changes):
    default = {
        "number": 0,
        "firm": 1,
        "effort": 0,
        "first": 20,
        "last": 24,
        "baseline": 0.0,
        "changed": -0.5,
        "change": np.nan,
        "sales": False,
        "effect": 0.03,
        "stderr": 0.01,
    }
    return Experiment(**{**default, **changes})


def with_experiments(market, *experiments):
    numbered = (replace(one, number=number) for number, one in enumerate(experiments))
    return replace(market, experiments=tuple(numbered))


def course(start, efforts):
    """Shares at the ends of periods by the exact solution for γ = 0, f = RATE exp(βu)."""
    state, shares = start, []
    for u in efforts.transpose(1, 0, 2):
        f = np.exp(BETA @ u)
        decay = np.exp(-RATE * f.sum())
        state = f / f.sum() + (state - f / f.sum()) * decay
        shares.append(state)
    return np.array(shares)


def tried_market(*, periods=60, firms=3, noise=0.02, seed=3):
    """A market with a sluggish effort `price` that hardly ever changes, and `money` that does."""
    rng = np.random.default_rng(seed)
    efforts = np.stack([0.05 * rng.normal(size=(periods, firms)), rng.uniform(0.0, 1.0, (periods, firms))])
    total = np.full(periods, 100.0)
    exact = course(np.full(firms, 1.0 / firms), efforts)
    share = exact * np.exp(noise * rng.normal(size=exact.shape))
    return MarketArrays(
        market=1,
        firms=np.array([f"firm {number}" for number in range(firms)]),
        times=np.arange(periods),
        share=share / share.sum(axis=1, keepdims=True),
        total_sales=total,
        duration=np.ones(periods),
        efforts=efforts,
        active=np.ones((periods, firms), bool),
    )


def truth_of(market, one):
    """The difference that an experiment makes, by `course`."""
    ends = []
    for value in (one.baseline, one.changed):
        efforts = market.efforts.copy()
        efforts[one.effort, one.first : one.last + 1, one.firm] = value
        shares = course(np.full(market.firms.size, 1.0 / market.firms.size), efforts)
        ends.append(shares[one.first : one.last + 1, one.firm])
    return float(np.mean(ends[1] - ends[0]))


def variant():
    return Variant(
        name="investment",
        form="investment",
        response=ResponseChoice("r", "r", "exp", FrozenMapping({"price": "linear", "money": "linear"})),
        firm_effects="constant",
        carry_over=FrozenMapping({"price": "none", "money": "none"}),
    )


def settings(**fit):
    return FitSection(**{"starts": 4, "gain": 0.0, "noise": "homogeneous", **fit})
