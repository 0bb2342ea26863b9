import itertools

import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import ModelsSection
from pipeline.config.variants import expand_variants, under_noise

EFFORTS = ("price", "feature", "deal")


def variants(**models):
    return expand_variants(ModelsSection.model_validate(models), EFFORTS)


def names(**models):
    return [variant.name for variant in variants(**models)]


def test_axes_are_combined_and_named_in_order():
    assert names(form=["investment", "scaled"], response=["mnl", "linear"]) == [
        "investment-mnl",
        "investment-linear",
        "scaled-mnl",
        "scaled-linear",
    ]


def test_an_only_item_needs_no_list_and_no_part_in_the_name():
    assert names(form="scaled", response="hill", carry_over="geometric", firm_effects=False) == [
        "scaled-hill"
    ]


def test_further_axes_are_named_when_they_have_a_choice():
    found = names(
        response="linear",
        firm_effects=[True, False],
        carry_over=["none", {"feature": "geometric"}, {"kind": "weibull", "name": "slow"}],
        numeraire=[None, "price"],
    )
    assert len(found) == len(set(found)) == 12
    assert found[0] == "investment-linear-effects-none-gauge"
    assert found[-1] == "investment-linear-common-slow-per-price"
    assert "investment-linear-common-geometric-feature-gauge" in found


def test_families_become_links_and_curves():
    found = {item.response.name: item.response for item in variants(response=["mnl", "mci", "ces", "hill"])}
    assert (found["mnl"].link, set(found["mnl"].curves.values())) == ("exp", {"linear"})
    assert (found["mci"].link, set(found["mci"].curves.values())) == ("exp", {"ln"})
    assert (found["ces"].link, set(found["ces"].curves.values())) == ("ces", {"ces"})
    assert (found["hill"].link, set(found["hill"].curves.values())) == ("identity", {"hill"})
    assert tuple(found["mnl"].curves) == EFFORTS


def test_a_curve_for_each_effort_keeps_the_order_of_the_study():
    (variant,) = variants(response={"deal": "linear", "price": "tanh", "feature": "log", "link": "exp"})
    assert variant.name == "investment-exp-mixed"
    assert list(variant.response.curves.items()) == [
        ("price", "tanh"),
        ("feature", "log"),
        ("deal", "linear"),
    ]


def test_rankings_of_pareto_are_an_axis():
    every = variants(response={"family": "pareto", "order": "all"})
    assert [item.response.order for item in every] == list(itertools.permutations(EFFORTS))
    assert every[0].name == "investment-pareto-price-feature-deal"
    leading = variants(response={"family": "pareto", "order": "leading"})
    assert [item.response.order for item in leading] == [
        ("price", "feature", "deal"),
        ("feature", "price", "deal"),
        ("deal", "price", "feature"),
    ]
    (one,) = variants(response={"family": "pareto", "order": ["deal", "price", "feature"]})
    assert (one.name, one.response.order) == ("investment-pareto", ("deal", "price", "feature"))
    (plain,) = variants(response="pareto")
    assert plain.response.order == EFFORTS


@pytest.mark.parametrize(
    ("form", "response", "written", "resolved"),
    [
        ("investment", "linear", True, "free"),
        ("investment", "linear", False, "constant"),
        ("scaled", "linear", True, "free"),
        ("proportional", "linear", True, "zero-sum"),
        ("proportional", "linear", False, "none"),
        ("proportional", "mnl", True, "free"),
        ("proportional", "mnl", False, "constant"),
        ("investment", "linear", "none", "none"),
        ("investment", "linear", "zero-sum", "zero-sum"),
    ],
)
def test_firm_effects_are_those_that_can_be_identified(form, response, written, resolved):
    (variant,) = variants(form=form, response=response, firm_effects=written)
    assert variant.firm_effects == resolved


def test_carry_over_is_told_for_every_effort():
    (variant,) = variants(response="linear", carry_over={"kind": "geometric", "efforts": {"deal": "none"}})
    assert variant.carry_over == {"price": "geometric", "feature": "geometric", "deal": "none"}


def test_exclusions_match_by_the_keys_they_give():
    axes = {"form": ["investment", "scaled", "proportional"], "response": ["mnl", "linear", "hill"]}
    left = names(
        **axes, exclude=[{"form": "proportional", "response": ["linear", "hill"]}, {"response": "hill"}]
    )
    assert left == [
        "investment-mnl",
        "investment-linear",
        "scaled-mnl",
        "scaled-linear",
        "proportional-mnl",
    ]
    effects = names(response="mnl", firm_effects=[True, False], exclude={"firm_effects": False})
    assert effects == ["investment-mnl-effects"]


def test_pooled_models_come_last_and_know_where_they_come_from():
    found = variants(response=["mnl", "linear"], pooling=True)
    assert [item.name for item in found] == [
        "investment-mnl",
        "investment-linear",
        "investment-mnl-pooled",
        "investment-linear-pooled",
    ]
    assert [item.pooled_from for item in found] == [None, None, "investment-mnl", "investment-linear"]
    assert found[2].response == found[0].response


def test_further_terms_belong_to_the_response():
    terms = {"lag": {"price": 2}, "own": "price.lag1", "cross": "deal"}
    for written in ({"family": "mnl"}, {"curves": dict.fromkeys(EFFORTS, "linear")}):
        (variant,) = variants(response=terms | written)
        assert dict(variant.response.lag) == {"price": 2}
        assert (variant.response.own, variant.response.cross) == (("price.lag1",), ("deal",))
        assert hash(variant) is not None


def test_gains_are_an_axis_like_the_others():
    models = ModelsSection.model_validate(
        {
            "form": ["investment", "proportional"],
            "response": "mnl",
            "exclude": [{"gain": 0.5, "form": "investment"}],
        }
    )
    found = expand_variants(models, EFFORTS, (0.0, 0.5, "estimated"))
    assert [(variant.name, variant.gain) for variant in found] == [
        ("investment-mnl-gain-0", 0.0),
        ("investment-mnl-estimated", "estimated"),
        ("proportional-mnl-gain-0", 0.0),
        ("proportional-mnl-gain-0.5", 0.5),
        ("proportional-mnl-estimated", "estimated"),
    ]
    (single,) = expand_variants(ModelsSection.model_validate({"response": "mnl"}), EFFORTS, (1.0,))
    assert (single.name, single.gain) == ("investment-mnl", 1.0)


def test_a_variant_without_a_gain_of_its_own_takes_that_of_the_fit():
    (variant,) = variants(response="mnl")
    assert variant.gain_under(FitSection()) == "estimated"
    assert variant.gain_under(FitSection(gain=0.25)) == 0.25


def test_noise_is_an_axis_named_where_it_has_a_choice():
    models = variants(form=["investment", "scaled"], response="mnl", pooling=True)
    assert [item.name for item in under_noise(models, ("full",))] == [item.name for item in models]
    assert {item.noise for item in under_noise(models, ("full",))} == {"full"}
    found = under_noise(models, ("homogeneous", "by_firm"))
    assert [item.name for item in found[:3]] == [
        "investment-mnl-homogeneous",
        "investment-mnl-by_firm",
        "scaled-mnl-homogeneous",
    ]
    together = {item.name for item in found}
    assert len(together) == 8
    for item in found:
        if item.pooled_from is not None:
            assert item.pooled_from in together
            assert item.pooled_from.endswith(str(item.noise))
