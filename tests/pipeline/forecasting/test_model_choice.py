"""Which model looks ahead: that of the verdict, the next best where it has no fit, or the one asked for."""

import numpy as np
import pytest
from shops import run_shops

from pipeline import open_store
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import Scenario
from pipeline.errors import QueryError
from pipeline.forecasting.model_choice import by_verdict
from pipeline.forecasting.open_market import open_market
from pipeline.forecasting.save import store_forecast
from pipeline.forecasting.scenario import forecast
from pipeline.results.verdict import Verdict

MODELS = ("investment-mnl", "scaled-hill")


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return run_shops(tmp_path_factory.mktemp("shops"))


def verdict(**given):
    return Verdict(**({"model": "scaled-hill", "by": "rolling", "ranking": MODELS[::-1]} | given))


def test_the_next_best_is_used_where_the_best_has_no_fit(filled):
    results = open_store(filled.path)
    here = by_verdict(results, verdict(), 2, MODELS)
    assert (here.model, here.by) == ("scaled-hill", "rolling")
    assert here.sentences == (
        "`scaled-hill` is used: the model of the verdict, by forecasts after rolling origins.",
    )
    there = by_verdict(results, verdict(), 8, MODELS)  # it failed in this market
    assert there.model == "investment-mnl"
    assert (
        "Market 8 has no usable fit of `scaled-hill`; `investment-mnl`, the next best" in there.sentences[1]
    )
    with pytest.raises(QueryError, match="Market 8 has no usable fit of scaled-hill"):
        by_verdict(results, verdict(), 8, ("scaled-hill",))


def test_what_is_asked_for_is_used_and_what_is_left_of_the_verdict_said(filled):
    results = open_store(filled.path)
    asked = by_verdict(results, verdict(), 2, ("investment-mnl",))
    assert (asked.model, asked.by) == ("investment-mnl", "asked")
    ranking = ("other", "investment-mnl", "scaled-hill")
    among = by_verdict(results, verdict(model="other", by="holdout", ranking=ranking), 2, MODELS)
    assert among.model == "investment-mnl"
    assert "the verdict on all models is `other`" in among.sentences[0]


@pytest.mark.parametrize(
    ("outcome", "words"), [("worse", "by more than chance"), ("chance", "which may be chance")]
)
def test_a_better_baseline_is_named(filled, outcome, words):
    judged = verdict(baseline="last", outcome=outcome, difference=0.01)
    sentence = by_verdict(open_store(filled.path), judged, 2, MODELS).sentences[-1]
    assert f"The baseline `last` forecast better than `scaled-hill`, {words}" in sentence
    better = verdict(baseline="last", outcome="better", difference=-0.01)
    assert len(by_verdict(open_store(filled.path), better, 2, MODELS).sentences) == 1


def test_without_forecasts_the_verdict_goes_by_aicc_and_everything_says_so(shops):
    judged = shops.verdict()
    assert judged.ranking[0] == judged.model == "investment-mixed"
    assert set(judged.ranking) == set(shops.models)
    plan = Scenario.model_validate({"scenario": "said", "horizon": 2, "uncertainty": {"draws": 0}})
    made = forecast(shops, plan)
    assert [one.choice.model for one in made.markets] == [judged.model] * 2
    assert "by AICc alone: no forecasts were held out" in made.choices[0]
    name = store_forecast(shops, made)
    assert shops.refresh().forecast(name).attrs["model_choice"] == list(made.choices)
    for settings in (PlanSettings(firm="A", market=1), GameSettings(market=1)):
        market, _ = open_market(shops, settings, shops.models, 2)
        assert market.choice.by == "aicc"
        assert "no forecasts were held out" in market.choice.sentences[0]
    best, _ = open_market(shops, GameSettings(market=1, model="best"), shops.models, 2)
    assert best.choice.sentences == ("`investment-mixed` is used: it has the smallest AICc in market 1.",)


def test_models_can_still_be_weighed(shops):
    weighed = {"draws": 0, "models": "equal"}
    made = forecast(shops, Scenario.model_validate({"scenario": "w", "horizon": 2, "uncertainty": weighed}))
    np.testing.assert_allclose([member.weight for member in made.markets[0].members], 0.5)
    assert made.markets[0].choice is None
    assert made.choices == ()
