"""A study with experiments, from the table to the verdict."""

import numpy as np
import pytest
from places import ROOT
from shops import run_shops

from pipeline.config.load import load_study
from pipeline.results.stored_fit import read_fit
from pipeline.results.summary.summary import summarise

EXAMPLE = ROOT / "configs" / "mall_tested.yaml"


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tested")
    text = EXAMPLE.read_text().replace("data/mall_tests.csv", str(ROOT / "configs/data/mall_tests.csv"))
    text = text.replace("[investment, proportional]", "investment").replace("kind: local", "kind: serial")
    return run_shops(folder, text.replace("../runs/mall-tested", "store") + "validation: {holdout: 0.4}\n")


def test_the_table_says_what_was_measured_and_modelled(tested):
    table = tested.sql("select * from experiments where \"window\" = 'all' order by market, experiment")
    given = (ROOT / "configs/data/mall_tests.csv").read_text().splitlines()[1:]
    assert len(table) == len(given) == 4
    assert {line.split(",")[1] for line in given} == set(table["firm"])
    assert list(table["flagged"]) == [False, False, False, True]
    right = ~np.asarray(table["flagged"], bool)
    assert np.all(np.abs(np.asarray(table["residual"], float)[right]) < 2.0)
    for name in ("from", "to"):
        assert {str(value)[:10] for value in table[name]} == {
            line.split(",")[3 if name == "from" else 4] for line in given
        }


def test_an_experiment_counts_in_windows_that_it_is_over_in(tested):
    held = tested.sql("select distinct firm from experiments where \"window\" = 'holdout'")
    # 47 of 78 weeks are fitted: up to 2025-11-24.
    assert set(held["firm"]) == {"Bolat", "Celine"}


def test_it_is_said_in_a_sentence(tested):
    said = " ".join(summarise(tested).experiments)
    assert (
        "4 experiments in 3 markets were fitted beside the shares; 1 of 4 is more than 3 standard errors"
        in said
    )
    assert "Flagged: market 3, firm Celine, promotion from 2025-10-13 to 2025-11-17" in said


def test_a_stored_fit_replays_its_experiments(tested):
    fit = read_fit(tested, 1, tested.sweep.models[0])
    table = tested.sql(
        "select lift from experiments where market = 1 and \"window\" = 'all' order by experiment"
    )
    found = fit.problem.experiments.differences(fit.theta)
    np.testing.assert_allclose(found[0], np.asarray(table["lift"], float), rtol=1e-10)


def test_the_name_of_the_table_changes_nothing(tmp_path):
    plain = load_study(EXAMPLE)
    assert plain.model_copy(update={"experiments": None}).content_hash == plain.content_hash
