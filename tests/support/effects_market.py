"""Models with known parameters: errors that last and fade, firms that come and go."""

import numpy as np

from pipeline.config.parameters import AUTOCORRELATION, GAIN, JUMP_PRICE, RETURNS_TO_SCALE
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.models.composing.build import build_model
from pipeline.panel.market import MarketArrays

EFFORTS = ("price", "money")
KINDS = ("index", "amount")
GAMMA = {"investment": 0.0, "scaled": 0.6, "proportional": 1.0, "lock-in": 1.3}


def market_of(*, firms=3, periods=30, entrant=False, seed=1):
    rng = np.random.default_rng(seed)
    active = np.ones((periods, firms), bool)
    if entrant:
        active[:12, 0] = False
        active[20:, 1] = False
    efforts = np.stack([rng.normal(0.0, 0.5, (periods, firms)), rng.uniform(0.5, 2.0, (periods, firms))])
    share = np.where(active, rng.dirichlet(np.full(firms, 30.0), periods), 0.0)
    return MarketArrays(
        market=1,
        firms=np.array([f"firm {number}" for number in range(firms)]),
        times=np.arange(periods),
        share=np.where(active, share / share.sum(axis=1, keepdims=True), np.nan),
        total_sales=rng.uniform(80.0, 120.0, periods),
        duration=np.where(np.arange(periods) == 15, 2.0, 1.0),
        efforts=np.where(active, efforts, np.nan),
        active=active,
    )


def model_of(
    form,
    market,
    *,
    link="exp",
    carry_over="none",
    further=False,
    gain=0.4,
    rho=0.3,
    curve="linear",
    **fit,
):
    """A model and its parameters; ``further``: with lags, coefficients by firm and effects of rivals."""
    curves = FrozenMapping({"price": "linear", "money": curve})
    terms = (
        {"lag": FrozenMapping({"money": 2}), "own": ("price", "money.lag1"), "cross": ("money",)}
        if further
        else {}
    )
    variant = Variant(
        name=form,
        form="scaled" if form == "lock-in" else form,
        response=ResponseChoice("r", "r", link, curves, **terms),
        firm_effects="zero-sum" if form == "proportional" else "free",
        carry_over=FrozenMapping({"price": "none", "money": carry_over}),
    )
    settings = FitSection(gain=gain, autocorrelation=rho, **fit)
    model = build_model(variant, market, EFFORTS, settings, {})
    rng = np.random.default_rng(7)
    theta = model.start.copy()
    for place, name in enumerate(model.names):
        if name.startswith("constant"):
            theta[place] = (-1.0 if link == "exp" else 0.4) + 0.1 * rng.normal()
        elif name.startswith(("price", "money")) and "." not in name:
            theta[place] = {"price": -0.2 if link == "exp" else -0.02, "money": 0.15}[name]
        elif ".lag" in name or ".own" in name or ".cross" in name:
            theta[place] = 0.04 * rng.normal()
        elif name in (GAIN, AUTOCORRELATION):
            theta[place] = gain if name == GAIN else rho
        elif name == RETURNS_TO_SCALE:
            theta[place] = GAMMA[form]
        elif name == JUMP_PRICE:
            theta[place] = model.data.reference_sales
    return model, theta
