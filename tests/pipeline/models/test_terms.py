"""Further terms: lags, own coefficients and cross-effects, as inputs and as a model that is right."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.terms import response_terms
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.models.composing.build import build_model
from pipeline.models.terms import with_terms
from pipeline.panel.market import MarketArrays, first_periods

FIRMS = np.array(["A", "B", "C"])


def variant(**terms):
    choice = ResponseChoice(
        "mnl", "mnl", "exp", FrozenMapping({"price": "linear", "deal": "linear"}), **terms
    )
    carry = FrozenMapping({"price": "none", "deal": "none"})
    return Variant("investment-mnl", "investment", choice, "free", carry)


def market(seed=0, n_times=7):
    random = np.random.default_rng(seed)
    share = random.dirichlet(np.full(3, 20.0), n_times)
    ones = np.ones(n_times)
    return MarketArrays(
        "here",
        FIRMS,
        np.arange(n_times),
        share,
        100.0 * ones,
        ones,
        random.uniform(0.5, 1.5, (2, n_times, 3)),
        np.ones((n_times, 3), bool),
    )


def absent(data, firm, until):
    active = data.active.copy()
    active[:until, firm] = False
    share = np.where(active, data.share, 0.0)
    share = np.where(active, share / share.sum(axis=1, keepdims=True), np.nan)
    return replace(data, active=active, share=share, efforts=np.where(active, data.efforts, np.nan))


def test_every_term_has_its_name():
    choice = variant(lag=FrozenMapping({"price": 2}), own=("deal", "price.lag1"), cross=("price",)).response
    names = [term.name for term in response_terms(choice, FIRMS.tolist())]
    assert names[:2] == ["price.lag1", "price.lag2"]
    assert names[2:8] == [f"{name}.own.{firm}" for name in ("deal", "price.lag1") for firm in FIRMS]
    assert names[8:] == [f"price.cross.{i}.{j}" for i in FIRMS for j in FIRMS if i != j]
    assert len(set(names)) == len(names)


def test_without_terms_nothing_changes():
    data = market()
    assert with_terms(variant(), data, ("price", "deal")) == (data, ("price", "deal"))


def test_inputs_are_what_the_formulas_say():
    data = market()
    terms = {"lag": FrozenMapping({"price": 2}), "own": ("deal", "price.lag1"), "cross": ("price",)}
    extended, names = with_terms(variant(**terms), data, ("price", "deal"))
    price, deal = data.efforts
    at = dict(zip(names, extended.efforts, strict=True))
    np.testing.assert_array_equal(at["price"], price)
    np.testing.assert_array_equal(at["price.lag2"][2:], price[:-2])
    np.testing.assert_array_equal(at["price.lag2"][:2], [price[0], price[0]])
    np.testing.assert_array_equal(at["deal.own.B"], deal * [0, 1, 0])
    np.testing.assert_array_equal(at["price.lag1.own.A"][1:], price[:-1] * [1, 0, 0])
    np.testing.assert_array_equal(at["price.cross.A.C"], price[:, [2]] * [1, 0, 0])


def test_lags_do_not_look_ahead():
    terms = {"lag": FrozenMapping({"price": 2})}
    long, _ = with_terms(variant(**terms), market(), ("price", "deal"))
    short, _ = with_terms(variant(**terms), first_periods(market(), 4), ("price", "deal"))
    np.testing.assert_array_equal(long.efforts[:, :4], short.efforts)


def test_a_firm_that_enters_has_no_past_and_does_nothing_before():
    data = absent(market(), firm=1, until=3)
    terms = {"lag": FrozenMapping({"price": 2}), "cross": ("price",)}
    extended, names = with_terms(variant(**terms), data, ("price", "deal"))
    at, price = dict(zip(names, extended.efforts, strict=True)), data.efforts[0]
    assert np.isnan(at["price.lag1"][:3, 1]).all()
    np.testing.assert_array_equal(at["price.lag1"][3:, 1], price[[3, 3, 4, 5], 1])
    np.testing.assert_array_equal(at["price.lag2"][3:, 1], price[[3, 3, 3, 4], 1])
    np.testing.assert_array_equal(at["price.cross.A.B"][:, 0], [0, 0, 0, *price[3:, 1]])
    assert np.isfinite(extended.efforts[:, data.active]).all()


def test_the_model_adds_them_up():
    data = market()
    terms = {"lag": FrozenMapping({"price": 1}), "own": ("price",), "cross": ("deal",)}
    model = build_model(variant(**terms), data, ("price", "deal"), FitSection(), {})
    theta = np.random.default_rng(1).normal(0.0, 0.3, len(model.names))
    value = dict(zip(model.names, theta, strict=True))
    price, deal = data.efforts
    before = np.concatenate([price[:1], price[:-1]])
    log_f = np.empty_like(price)
    for i, firm in enumerate(FIRMS):
        log_f[:, i] = (
            value[f"constant.{firm}"]
            + (value["price"] + value[f"price.own.{firm}"]) * price[:, i]
            + value["deal"] * deal[:, i]
            + value["price.lag1"] * before[:, i]
            + sum(value[f"deal.cross.{firm}.{other}"] * deal[:, j] for j, other in enumerate(FIRMS) if j != i)
        )
    np.testing.assert_allclose(model.response.evaluate(theta, model.data.efforts), np.exp(log_f), rtol=1e-12)


def test_a_market_without_the_inputs_is_refused():
    from pipeline.models.composing.quantities import compose_response

    with pytest.raises(ValueError, match=r"models\.terms\.with_terms"):
        compose_response(variant(own=("price",)), market(), ("price", "deal"), {})
