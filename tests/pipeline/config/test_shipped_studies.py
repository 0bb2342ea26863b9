"""The studies that ship."""

from pathlib import Path

import jsonschema
import numpy as np
import pytest
from places import CONFIGS

from pipeline.config.json_schema import study_schema
from pipeline.config.load import load_study
from pipeline.config.truth import true_model
from pipeline.config.yaml.document import read_yaml
from pipeline.panel.market import market_arrays
from pipeline.panel.simulated import simulate_markets
from pipeline.panel.source import open_panel

SHIPPED = sorted(CONFIGS.glob("*.yaml"))


def test_there_are_studies():
    assert {path.stem for path in SHIPPED} >= {"mall", "orange_juice", "us_autos"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_study_loads_and_is_short(path):
    study = load_study(path)
    assert study.variants()
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    jsonschema.validate(read_yaml(text, "").content, study_schema())
    assert Path(study.store_location).parent.name == "runs", "results stay out of the way"


def test_the_shopping_centre_is_the_one_of_the_article():
    study = load_study(CONFIGS / "mall.yaml")
    panel = simulate_markets(study, range(study.simulate.markets))
    assert panel.sizes["firm"] == 12
    assert panel.sizes["time"] == 104
    assert panel["effort"].values.tolist() == ["product", "discount", "promotion", "place"]
    total = panel["sales"].sum("firm")
    np.testing.assert_allclose(total.mean("time"), 7 * 10_000 * 5_000)
    invested = (panel["efforts"].sum("effort") * panel["sales"]).sum("firm") / total
    spent = (invested * total).mean("time") / total.mean("time")
    np.testing.assert_allclose(spent, 0.10, rtol=0.002)
    share = panel["sales"] / total
    assert float(share.min()) > 0.01, "all shops live"
    assert float(share.std("time").mean()) > 0.01, "shares move"
    assert true_model(study) == "scaled-mixed"


def test_orange_juice_is_every_store_every_brand_and_enough_models():
    study = load_study(CONFIGS / "orange_juice.yaml")
    assert len(study.models.form) == 3
    assert len(study.models.response) >= 4
    assert study.fit.starts == 16
    panel = open_panel(study)
    assert (panel.markets.size, panel.firms.size) == (83, 11)
    market = market_arrays(panel.load(panel.markets[:1]), panel.markets[0])
    assert market.active.all()
    prices = market.efforts[0]
    assert prices.min() < 0 < prices.max(), (
        "relative prices have both signs, so curves for u >= 0 do not suit"
    )


def test_cars_enter_and_leave():
    panel = open_panel(load_study(CONFIGS / "us_autos.yaml"))
    assert (panel.markets.size, panel.firms.size, panel.times.size) == (1, 26, 20)
    market = market_arrays(panel.load(panel.markets), panel.markets[0])
    count = market.active.sum(axis=1)
    assert (count.min(), count.max()) == (17, 22)
    assert market.active.all(axis=0).sum() == 9
    assert market.efforts[1][market.active].min() > 0, "the logarithm of models needs u > 0"
