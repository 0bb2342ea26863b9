"""Tables of experiments: what is refused, where and why; what changes the hash of a panel."""

import numpy as np
import pytest

from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.dataset import hash_markets
from pipeline.panel.dates import Span
from pipeline.panel.market import iterate_markets
from pipeline.panel.open import open_study_panel

DATA = """store,week,firm,sales,price
""" + "\n".join(
    f"{store},{week},{firm},{10 + week % 3},{1 + 0.1 * (week % 2)}"
    for store in (5, 6)
    for week in range(1, 13)
    for firm in ("A", "B")
    if not (store == 6 and firm == "B" and week < 5)
)
STUDY = """
study: tests
data: {file: data.csv, market: store, firm: firm, time: week, sales: sales, efforts: price}
experiments: tests.csv
models: {response: {price: linear}}
store: store
"""
HEADER = "market,firm,effort,from,to,baseline,changed,change,outcome,effect,stderr"
GOOD = "5,A,price,4,6,1.0,0.8,,share,0.05,0.01"


@pytest.fixture
def panel_of(tmp_path):
    (tmp_path / "data.csv").write_text(DATA)
    (tmp_path / "study.yaml").write_text(STUDY)

    def opened(*rows, header=HEADER, span=None, study=STUDY):
        (tmp_path / "study.yaml").write_text(study)
        (tmp_path / "tests.csv").write_text("\n".join([header, *rows, ""]))
        return open_study_panel(load_study(tmp_path / "study.yaml"), span)

    return opened


def test_experiments_stand_beside_their_market(panel_of):
    panel = panel_of(GOOD, "6,A,price,3,3,,,-0.1,sales,20,4", "5,A,price,8,9,1.0,1.2,,share,-0.03,0.01")
    block = panel.load(slice(None))
    first, second = iterate_markets(block)
    assert [one.first for one in first.experiments] == [3, 7]
    (other,) = second.experiments
    assert (other.firm, other.last, other.change, other.sales, other.effect) == (0, 2, -0.1, True, 20.0)
    assert np.isnan(other.baseline)
    # What comes back from a store is held against the hash that it was stored under.
    assert hash_markets(block) == list(panel.market_hashes.values())


def test_a_changed_experiment_is_another_panel_in_its_market_alone(panel_of):
    plain = panel_of(study=STUDY.replace("experiments: tests.csv\n", ""))
    one, turned = panel_of(GOOD, GOOD.replace("4,6", "8,9")), panel_of(GOOD.replace("4,6", "8,9"), GOOD)
    changed = panel_of(GOOD.replace("0.05", "0.06"), GOOD.replace("4,6", "8,9"))
    assert one.content_hash == turned.content_hash
    assert len({panel.content_hash for panel in (plain, one, changed)}) == 3
    assert one.market_hashes[5] != changed.market_hashes[5] != plain.market_hashes[5]
    assert one.market_hashes[6] == changed.market_hashes[6] == plain.market_hashes[6]


def test_all_that_is_wrong_is_said_at_once(panel_of):
    bad = [
        "7,A,price,4,6,1,0.8,,share,0.05,0.01",
        "5,a,price,4,6,1,0.8,,share,0.05,0.01",
        "5,A,prize,4,6,1,0.8,,share,0.05,0.01",
        "5,A,price,four,6,1,0.8,,share,0.05,0.01",
        "5,A,price,2024-01-01,6,1,0.8,,share,0.05,0.01",
        "5,A,price,7,6,1,0.8,,share,0.05,0.01",
        "5,A,price,11,14,1,0.8,,share,0.05,0.01",
        "5,A,price,4,6,1,,,share,0.05,0.01",
        "5,A,price,4,6,1,0.8,0.2,share,0.05,0.01",
        "5,A,price,4,6,1,1,,share,0.05,0.01",
        "5,A,price,4,6,1,cheap,,share,0.05,0.01",
        "5,A,price,4,6,1,0.8,,profit,0.05,0.01",
        "5,A,price,4,6,1,0.8,,share,5,0.01",
        "5,A,price,4,6,1,0.8,,share,,0.01",
        "5,A,price,4,6,1,0.8,,share,0.05,0",
        GOOD,
        GOOD,
    ]
    with pytest.raises(DataError) as caught:
        panel_of(*bad)
    text = str(caught.value)
    for row, column, word in [
        (2, "market", "'7'"),
        (3, "firm", "Did you mean 'A'"),
        (4, "effort", "Did you mean 'price'"),
        (5, "from", "'four'"),
        (6, "from", "a number, as in the data"),
        (7, "to", "6 before 7"),
        (8, "from", "periods of the data, from 1 to 12"),
        (9, "changed", "baseline; expected"),
        (10, "changed", "baseline and changed and change"),
        (11, "changed", "does not change"),
        (12, "changed", "'cheap'"),
        (13, "outcome", "'profit'"),
        (14, "effect", "A percentage point is 0.01"),
        (15, "effect", "nothing"),
        (16, "stderr", "above 0"),
    ]:
        assert any(
            f"tests.csv:{row}: column {column}" in line and word in line for line in text.splitlines()
        ), (row, column, text)
    assert "tests.csv:18: row" in text
    assert "the same as row 17" in text


def test_the_firm_has_to_be_there(panel_of):
    rows = ["6,B,price,5,7,1,0.8,,share,0.05,0.01", "5,A,price,1,3,1,0.8,,share,0.05,0.01"]
    with pytest.raises(DataError) as caught:
        panel_of(*rows, "6,B,price,6,7,1,0.8,,share,0.05,0.01")
    text = str(caught.value)
    assert "tests.csv:2: column firm: got market 6, firm B: no sales in period 4" in text
    assert "tests.csv:3: column from: got the first period of market 5" in text
    assert "tests.csv:4" not in text


def test_columns_that_are_missing_are_named(panel_of):
    with pytest.raises(DataError, match=r"column stderr: got no such column.*Did you mean 'std_err'"):
        panel_of(GOOD, header=HEADER.replace("stderr", "std_err"))


def test_a_missing_table_is_said(panel_of, tmp_path):
    study = STUDY.replace("tests.csv", "test.csv")
    with pytest.raises(DataError, match=r"test\.csv: experiments: got FileNotFoundError"):
        panel_of(GOOD, study=study)


def test_what_is_not_known_yet_is_left_out(panel_of):
    late = GOOD.replace("4,6", "8,11")
    assert panel_of(GOOD, late).n_experiments == 2
    then = panel_of(GOOD, late, span=Span(False, None, 9))
    assert (then.n_experiments, [note.kind for note in then.notes][-1]) == (1, "experiments")
    # Before all of them the panel is the one without.
    before = panel_of(late, span=Span(False, None, 9))
    plain = panel_of(study=STUDY.replace("experiments: tests.csv\n", ""), span=Span(False, None, 9))
    assert before.content_hash == plain.content_hash
    assert "experiments" not in before.load(slice(None))


def test_other_markets_of_the_table_are_left_out_where_a_study_chooses(panel_of):
    chosen = STUDY.replace("efforts: price", "efforts: price, markets: [6]")
    panel = panel_of(GOOD, GOOD.replace("5,A", "6,A"), study=chosen)
    assert (panel.n_experiments, panel.table.left_out) == (1, 1)
