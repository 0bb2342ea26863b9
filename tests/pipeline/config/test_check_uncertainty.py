"""The section `uncertainty`: defaults, and everything it refuses."""

import pytest
from places import STUDIES

from pipeline.config.load import load_study
from pipeline.errors import ConfigError

STUDY = STUDIES / "small.yaml"


def load(*overrides):
    return load_study(STUDY, overrides).uncertainty


def test_defaults():
    assert load().methods == ("covariance", "autoregressive", "recommended")
    with_replicates = ("covariance", "autoregressive", "bootstrap", "recommended")
    assert load("uncertainty.bootstrap=199").methods == with_replicates
    assert load("uncertainty.intervals=profile").methods == ("profile",)
    assert load("uncertainty.intervals=[]").methods == ()
    assert load().levels == (0.95,)
    assert load("uncertainty.levels=0.5").levels == (0.5,)


def test_further_fits_are_counted():
    assert load().refits(4) == 0
    assert load("uncertainty.bootstrap=199").refits(4) == 199
    assert load("uncertainty.intervals=[profile]", "uncertainty.levels=[0.5, 0.9]").refits(4) == 2 * 16
    assert load("uncertainty.intervals=[mcmc]", "uncertainty.mcmc.walkers=12").refits(4) == 2000


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["intervals=[profil]"], "uncertainty.intervals"),
        (["intervals=[hac, hac]"], "each once"),
        (["intervals=[bootstrap]"], "e.g. 200 replicates"),
        (["bootstrap=20"], "at least 39"),
        (["bootstrap=39", "levels=[0.5, 0.99]"], "at least 199"),
        (["levels=[95]"], "uncertainty.levels"),
        (["levels=[0.0]"], "uncertainty.levels"),
        (["levels=[]"], "uncertainty.levels"),
        (["scheme=block"], "uncertainty.scheme"),
        (["block=5"], "scheme: blocks"),
        (["block=0", "scheme=blocks"], "a number of periods from 1"),
        (["mcmc.steps=100", "mcmc.burn=100"], "burn < steps"),
        (["bootstrap=-1"], "uncertainty.bootstrap"),
    ],
)
def test_refusals(overrides, expected):
    with pytest.raises(ConfigError) as caught:
        load(*[f"uncertainty.{text}" for text in overrides])
    assert expected in str(caught.value)


def test_methods_that_fit_again_need_a_fit_they_can_repeat():
    for refused in (["fit.loss=huber", "fit.method=least_squares"],):
        with pytest.raises(ConfigError, match="intervals by covariance, hac or autoregressive"):
            load(*refused, "uncertainty.intervals=[profile]")
    robust = load("fit.loss=huber", "fit.method=least_squares")
    assert robust.methods == ("covariance", "autoregressive", "recommended")


def test_mcmc_needs_emcee(monkeypatch):
    pytest.importorskip("emcee")
    assert load("uncertainty.intervals=mcmc").methods == ("mcmc",)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"emcee \(pip install"):
        load("uncertainty.intervals=mcmc")
