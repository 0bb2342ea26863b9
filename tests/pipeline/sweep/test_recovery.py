"""Noise-free markets give their parameters back: every form with every family of market functions."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.response.catalogue import FAMILIES
from pipeline.config.parameters import OF_ERRORS
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import ModelsSection
from pipeline.config.variants import expand_variants
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.composing.build import build_model
from pipeline.panel.market import MarketArrays

EFFORTS = ("price", "deal")
PERIODS, FIRMS = 120, 4
FORMS = ("investment", "scaled", "proportional")
GAMMA = 0.6
ACCURACY = 1e-6


def blank_market():
    """Efforts that vary over firms and periods, totals that vary; shares are yet to come."""
    rng = np.random.default_rng(11)
    share = np.full((PERIODS, FIRMS), 1.0 / FIRMS)
    return MarketArrays(
        market="m",
        firms=np.array(["A", "B", "C", "D"]),
        times=np.arange(PERIODS),
        share=share,
        total_sales=100.0 * np.exp(0.3 * rng.normal(size=PERIODS)),
        duration=np.ones(PERIODS),
        efforts=rng.uniform(0.05, 1.0, (len(EFFORTS), PERIODS, FIRMS)),
        active=np.ones(share.shape, dtype=bool),
    )


def truth_of(model, falls):
    """Values inside the bounds that let all parameters be seen."""
    rng = np.random.default_rng(5)
    values = {"returns_to_scale": GAMMA, "gain": 0.0}
    # Shares that firms enter with are seen as they are.
    values |= {name: 0.0 for name in model.names if name.startswith("entry.")}
    for quantity in model.quantities:
        last = quantity.name.rsplit(".", 1)[-1]
        if last in ("h", "d", "scale"):
            values[quantity.name] = rng.uniform(0.25, 0.4)
        elif last in ("n", "a", "c", "rho"):
            values[quantity.name] = rng.uniform(1.5, 1.8) if last != "rho" else 0.5
        elif quantity.name.startswith("constant"):
            # What efforts take away must leave something.
            values[quantity.name] = rng.uniform(0.05, 0.15) + (1.0 if falls else 0.0)
        elif quantity.name not in values:
            values[quantity.name] = rng.uniform(0.3, 0.6) * (0.1 if falls else 1.0)
    theta = np.array([values[name] for name in model.names])
    theta = np.where(model.vary, np.clip(theta, model.lower, model.upper), model.start)
    return np.where(np.array(model.names) == "returns_to_scale", values["returns_to_scale"], theta)


def with_an_entrant(market):
    """Let firm B enter late, and stay away for a while later."""
    active = market.active.copy()
    active[:30, 1] = active[70:75, 1] = False
    share = np.where(active, 1.0, np.nan)
    return replace(market, active=active, share=share / np.nansum(share, axis=1, keepdims=True))


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("form", FORMS)
def test_parameters_come_back(form, family):
    additive = FAMILIES[family].link == "identity"
    effects = "zero-sum" if additive and form == "proportional" else "free"
    models = ModelsSection.model_validate({"form": form, "response": family, "firm_effects": effects})
    (variant,) = expand_variants(models, EFFORTS)
    market, fit = blank_market(), FitSection(starts=16, polish=2)
    model = build_model(variant, market, EFFORTS, fit, {})
    theta = truth_of(model, falls="decreasing" in family)
    share = model.shares(theta)
    assert share is not None
    record = calibrate_market(variant, replace(market, share=share), EFFORTS, fit, np.random.SeedSequence(3))
    assert record.status.usable
    # Without errors their gain and autocorrelation have nothing to act on.
    free = model.vary & ~np.isin(model.names, list(OF_ERRORS))
    np.testing.assert_allclose(record.theta[free], theta[free], rtol=ACCURACY, atol=ACCURACY)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_come_back_where_a_firm_enters(form):
    models = ModelsSection.model_validate({"form": form, "response": "mnl", "firm_effects": "free"})
    (variant,) = expand_variants(models, EFFORTS)
    market, fit = with_an_entrant(blank_market()), FitSection(starts=8)
    model = build_model(variant, market, EFFORTS, fit, {})
    theta = truth_of(model, falls=False)
    share = model.shares(theta)
    assert share is not None
    record = calibrate_market(variant, replace(market, share=share), EFFORTS, fit, np.random.SeedSequence(3))
    free = model.vary & ~np.isin(model.names, list(OF_ERRORS))
    np.testing.assert_allclose(record.theta[free], theta[free], rtol=ACCURACY, atol=ACCURACY)
