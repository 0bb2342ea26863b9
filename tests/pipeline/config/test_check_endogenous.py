"""The key `fit.endogenous`: how it may be written, what it does to models, and everything it refuses."""

import pytest
from places import STUDIES

from pipeline.config.load import load_study
from pipeline.errors import ConfigError

STUDY = STUDIES / "small.yaml"


def load(text, *further):
    return load_study(STUDY, [f"fit.endogenous={text}", *further])


def test_instruments_may_be_written_short():
    long = load("{price: {instruments: [cost, 'lag(price)']}}")
    assert long.fit.instruments == ("cost", "lag(price)")
    assert load("{price: [cost, 'lag(price)']}").fit == long.fit
    assert load("{price: cost}").fit.instruments == ("cost",)


def test_without_it_nothing_changes():
    plain = load_study(STUDY)
    assert plain.fit.instruments == ()
    assert plain.fit.instrumented == {}
    assert load("null").content_hash == plain.content_hash
    assert all(variant.endogenous == () for variant in plain.variants())
    assert load("{price: cost}").content_hash != plain.content_hash


def test_first_stages_are_of_markets_unless_it_is_said():
    short = load("{price: cost}")
    assert short.fit.pooled_stages == ()
    assert short.variants()[0].pooled_stages_under(short.fit) == ()
    assert load("{price: {instruments: cost, first_stage: market}}").content_hash == short.content_hash
    # What versions without the choice wrote of it, and hashed.
    assert short.fit.model_dump(mode="json")["endogenous"] == {"price": {"instruments": ["cost"]}}
    pooled = load("{price: {instruments: cost, first_stage: pooled}}")
    assert pooled.content_hash != short.content_hash
    assert pooled.variants()[0].pooled_stages_under(pooled.fit) == ("price",)
    assert pooled.model_validate(pooled.model_dump(mode="json", exclude_unset=True)).fit == pooled.fit


def test_it_may_be_an_axis_of_the_sweep():
    names = [variant.name for variant in load_study(STUDY).variants()]
    both = load("[null, {price: cost}]").variants()
    assert [one.name for one in both] == [
        f"{name}-{kind}" for name in names for kind in ("exogenous", "instrumented")
    ]
    assert [one.endogenous for one in both] == [(), ("price",)] * len(names)
    assert [one.name for one in load("{price: cost}").variants()] == names


def test_it_survives_being_written():
    study = load("[null, {price: {instruments: ['lag(price)']}}]")
    assert study.model_validate(study.model_dump(mode="json", exclude_unset=True)).fit == study.fit


def test_its_coefficient_can_be_held_and_believed():
    study = load("{price: cost}", "fit.bounds={price.control: [-1, 1]}", "fit.priors={price.control: [0, 1]}")
    assert study.fit.bounds["price.control"] == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "further", "said"),
    [
        ("{prise: cost}", (), "the unknown effort 'prise'"),
        ("{price: []}", (), "fit.endogenous"),
        ("{price: feature}", (), "'feature', which is an effort of the study"),
        ("{price: log(price / market_mean(price))}", (), "which is an effort of the study"),
        ("{price: [cost, cost]}", (), "every instrument once"),
        ("{price: 'lag(cost'}", (), "a column, or a formula over columns"),
        ("{price: cost, feature: cost}", (), "at least as many different instruments"),
        ("[{price: cost}, {price: cost}]", (), "one without and one with"),
        ("[null, null]", (), "one without and one with"),
        ("{price: cost}", ("uncertainty.intervals=[mcmc]",), "would take the first stage as known"),
    ],
)
def test_what_it_refuses(text, further, said):
    with pytest.raises(ConfigError) as raised:
        load(text, *further)
    assert said in str(raised.value)


def test_simulated_data_have_no_instruments(tmp_path):
    from places import CONFIGS

    with pytest.raises(ConfigError) as raised:
        load_study(CONFIGS / "mall.yaml", ["fit.endogenous={price: cost}"])
    assert "beside simulate" in str(raised.value)
