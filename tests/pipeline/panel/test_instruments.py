"""Instruments in the panel: read, computed, hashed and refused as efforts are, and apart from them."""

import numpy as np
import pandas as pd
import pytest
from table_study import table_study

from pipeline.config.sections.fit import FitSection
from pipeline.errors import DataError
from pipeline.panel.dataset import hash_markets
from pipeline.panel.market import iterate_markets
from pipeline.panel.source import open_panel


@pytest.fixture
def table():
    """Two cities, three firms, six weeks."""
    rng = np.random.default_rng(2)
    rows = [(city, firm, week) for city in ("Almaty", "Astana") for firm in "ABC" for week in range(6)]
    frame = pd.DataFrame(rows, columns=["store", "firm", "week"])
    for column in ("sales", "price", "feature", "cost"):
        frame[column] = rng.uniform(1, 2, len(frame))
    return frame


@pytest.fixture
def panel(tmp_path):
    def make(frame, *instruments):
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        fit = {"endogenous": {"discount": list(instruments)}} if instruments else {}
        return open_panel(table_study(path).model_copy(update={"fit": FitSection(**fit)}))

    return make


def test_columns_and_formulas_over_them(table, panel):
    source = panel(table, "cost", "lag(cost)", "log(cost / market_mean(cost))")
    market = next(iterate_markets(source.load(["Astana"])))
    cost = (
        table[table["store"] == "Astana"].pivot_table(index="week", columns="firm", values="cost").to_numpy()
    )
    before = np.concatenate([cost[:1], cost[:-1]])
    relative = np.log(cost / cost.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(market.instruments, [cost, before, relative], rtol=1e-14)
    assert source.efforts == ("discount", "feature")
    assert market.efforts.shape[0] == 2


def test_they_are_part_of_what_a_market_is(table, panel):
    first = panel(table, "cost")
    dataset = first.load(slice(None))
    assert hash_markets(dataset) == list(first.market_hashes.values())
    table.loc[(table["store"] == "Astana") & (table["week"] == 3), "cost"] += 1.0
    second = panel(table, "cost")
    assert first.market_hashes["Almaty"] == second.market_hashes["Almaty"]
    assert first.market_hashes["Astana"] != second.market_hashes["Astana"]


def test_without_any_nothing_changes(table, panel):
    source = panel(table)
    assert "instruments" not in source.load(slice(None))
    assert next(iterate_markets(source.load(slice(0, 1)))).instruments is None
    without = panel(table.drop(columns="cost"))
    assert source.content_hash == without.content_hash


def test_a_constant_one_is_noted(table, panel):
    table.loc[table["store"] == "Almaty", "cost"] = 1.5
    notes = {note.kind: note for note in panel(table, "cost").notes}
    assert "The instrument cost is constant in some markets (1)" in notes["constant-instrument"].message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("costs", "costs"),
        ("log(cots)", "cots"),
        ("cost / sales", "uses sales of the same period"),
        ("log(price) + cost", "uses price of the same period"),
        ("price / market_mean(price)", "uses price of the same period"),
    ],
)
def test_what_is_refused(table, panel, text, said):
    with pytest.raises(DataError) as raised:
        panel(table, text)
    assert said in str(raised.value)
    assert "fit.endogenous.discount.instruments" in str(raised.value)


def test_missing_values_are_refused(table, panel):
    table.loc[4, "cost"] = np.nan
    with pytest.raises(DataError) as raised:
        panel(table, "cost")
    assert "column cost" in str(raised.value)
