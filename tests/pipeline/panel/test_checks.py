"""Every check of the data, shown to catch what it is there for, and to let the good table through."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from table_study import table_study

from pipeline.errors import DataError
from pipeline.panel.findings import LISTED
from pipeline.panel.reading import tables
from pipeline.panel.source import open_panel

make_study = partial(table_study, market="city")


@pytest.fixture
def table():
    """Two cities, three firms, four weeks; row 2 of the file is Almaty, A, 1."""
    rng = np.random.default_rng(1)
    rows = [(city, firm, week) for city in ("Almaty", "Astana") for firm in "ABC" for week in (1, 2, 3, 4)]
    frame = pd.DataFrame(rows, columns=["city", "firm", "week"]).astype({"week": object})
    for column in ("sales", "price", "feature"):
        frame[column] = rng.uniform(1, 2, len(frame)).round(3)
    return frame.astype(object)


@pytest.fixture
def check(table, tmp_path):
    def run(without=(), **options):
        path = tmp_path / "table.csv"
        table.drop(table.index[without] if len(without) else []).to_csv(path, index=False)
        return open_panel(make_study(path, **options))

    return run


def problems_of(check, **options):
    with pytest.raises(DataError) as caught:
        check(**options)
    return [str(problem) for problem in caught.value.problems]


def the_problem(check, *parts, **options):
    found = problems_of(check, **options)
    assert len(found) == 1, found
    for part in parts:
        assert part in found[0], found[0]


def notes_of(check, kind, **options):
    return [note for note in check(**options).notes if note.kind == kind]


def test_good_table_has_neither_problems_nor_notes(check):
    source = check()
    assert source.notes == ()
    assert source.load(["Almaty"]).sales.notnull().all()  # noqa: PD004


def test_duplicate(table, check):
    table.loc[len(table)] = table.loc[1]
    the_problem(
        check, ":26: market Almaty, firm A, period 2", "second row (the one before is row 3)", "Remove one"
    )


def test_negative_sales(table, check):
    table.loc[5, "sales"] = -1
    the_problem(check, ":7: market Almaty, firm B, period 2, column sales: got -1", "expected sales above 0")


def test_missing_sales(table, check):
    table.loc[5, "sales"] = None
    the_problem(
        check, ":7: market Almaty, firm B, period 2, column sales: got no value", "Leave the whole row out"
    )


def test_sales_of_zero_need_the_share_residual(table, check):
    table.loc[5, "sales"] = 0
    the_problem(check, ":7: market Almaty, firm B, period 2, column sales: got 0", "residual: share")
    assert check(residual="share").load(["Almaty"]).sales.sel(market="Almaty", firm="B", time=2) == 0


def test_period_in_which_nobody_sells(table, check):
    table.loc[(table["city"] == "Almaty") & (table["week"] == 3), "sales"] = 0
    the_problem(check, "market Almaty, period 3: got total sales of 0", residual="share")


def test_missing_effort(table, check):
    table.loc[7, "price"] = None
    the_problem(check, ":9: market Almaty, firm B, period 4, column price: got no value", "Fill in price")


def test_infinite_effort(table, check):
    table.loc[7, "feature"] = "inf"
    the_problem(check, ":9: market Almaty, firm B, period 4, column feature: got inf", "finite number")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("about 12", "without units"), ("12,5", "decimal points"), ("1_000", "without units")],
)
def test_text_in_numbers(table, check, text, hint):
    table.loc[7, "price"] = text
    the_problem(check, f":9: market Almaty, firm B, period 4, column price: got '{text}'", "a number", hint)


def test_column_of_dates_in_place_of_numbers_is_reported_once(table, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "CHUNK_ROWS", 5)
    path = tmp_path / "table.parquet"
    table.assign(price=pd.Timestamp("2026-01-01")).infer_objects().to_parquet(path)
    with pytest.raises(DataError) as caught:
        open_panel(make_study(path))
    (problem,) = caught.value.problems
    assert "column price: got a column of type timestamp" in str(problem)


def test_formula_without_a_value_shows_what_it_was_given(table, check):
    table.loc[7, "price"] = 0
    found = problems_of(check)
    assert len(found) == 1
    assert ":9: market Almaty, firm B, period 4, column discount: got inf" in found[0]
    assert "with price = 0" in found[0]


def test_missing_labels(table, check):
    table.loc[1, "firm"] = None
    table.loc[2, "city"] = " "
    table.loc[3, "week"] = ""
    found = problems_of(check)
    assert len(found) == 3
    assert any(":3: market Almaty, period 2, column firm: got nothing" in text for text in found)
    assert any(":4: firm A, period 3, column city: got nothing" in text for text in found)
    assert any(":5: market Almaty, firm A, column week: got nothing" in text for text in found)


def test_date_that_cannot_be_read(table, check):
    table["week"] = table["week"].map("2026-W0{}".format)
    table.loc[9, "week"] = "31/01/2026"
    the_problem(
        check, ":11: market Almaty, firm C, period 31/01/2026, column week", "2026-W07", "Write ISO dates"
    )


def test_mixed_dates(table, check):
    table["week"] = table["week"].map("2026-0{}".format)
    table.loc[9, "week"] = "2026-02-01"
    the_problem(
        check, ":11: column week, period 2026-02-01: got a label of kind day among labels of kind month"
    )


def test_one_firm_market(table, check):
    without = (table["city"] == "Almaty") & (table["firm"] != "A")
    the_problem(check, "market Almaty: got one firm", "two firms or more", "data.markets", without=without)
    assert check(without, markets="Astana").markets.tolist() == ["Astana"]


def test_one_period_market(table, check):
    without = (table["city"] == "Almaty") & (table["week"] != 2)
    the_problem(check, "market Almaty: got one period", "two periods or more", without=without)


def test_unknown_columns_are_reported_together_with_the_nearest_names(check):
    found = problems_of(
        check,
        firm="Firm",
        sales="sale",
        efforts={"x": "pricee", "y": {"formula": "log(featur)"}, "z": {"formula": "1 +"}},
    )
    assert len(found) == 5
    assert "data.firm: got the column Firm" in found[0]
    assert "Did you mean 'firm'?" in found[0]
    assert "Did you mean 'sales'?" in found[1]
    assert "data.efforts.x" in found[2]
    assert "Did you mean 'price'?" in found[2]
    assert "feature" in found[3]
    assert "data.efforts.z" in found[4]


def test_unknown_market_is_reported_with_the_nearest(check):
    the_problem(
        check, "data.markets: got the market Almati", "Did you mean 'Almaty'?", markets=["Almati", "Astana"]
    )


def test_lag_that_varies_by_row_is_reported_once(table, check):
    table.loc[0, "price"] = 100
    formula = {"formula": "lag(feature, where(price > 50, 2, 1))"}
    the_problem(check, "data.efforts.x", "whole number of periods", efforts={"x": formula})


def test_all_problems_come_at_once(table, check):
    table.loc[len(table)] = table.loc[1]
    table.loc[3, "sales"] = -2
    table.loc[4, "price"] = "n/a?"
    table.loc[5, "feature"] = None
    without = (table["city"] == "Astana") & (table["firm"] != "A")
    found = problems_of(check, without=without)
    assert len(found) == 5
    for part in ("second row", "got -2", "'n/a?'", "column feature: got no value", "got one firm"):
        assert any(part in text for text in found), part


def test_many_problems_of_a_kind_are_counted(table, check):
    table["price"] = "?"
    table.loc[3, "sales"] = -2
    found = problems_of(check)
    assert len(found) == LISTED + 2
    assert any(f"{len(table) - LISTED} more: text in numbers" in text for text in found)
    assert any("got -2" in text for text in found)


def test_many_duplicates_are_counted(table, check, tmp_path):
    path = tmp_path / "twice.csv"
    pd.concat([table, table]).to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        open_panel(make_study(path))
    assert len(caught.value.problems) == LISTED + 1
    assert f"{len(table) - LISTED} more" in str(caught.value)


def test_problems_have_the_exit_code_of_a_refusal(table, check):
    table.loc[3, "sales"] = -2
    with pytest.raises(DataError, match=r"Data .*table\.csv: 1 problem\.") as caught:
        check()
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)


def test_gap_is_noted_and_becomes_a_longer_period(table, check):
    without = (table["city"] == "Almaty") & (table["week"] == 2)
    (note,) = notes_of(check, "gap", without=without)
    assert note.count == 1
    assert note.examples == ("market Almaty between 1 and 3",)
    assert list(check(without).load(["Almaty"]).period) == [0, 1, 2, 3]


def test_firm_that_vanishes_and_returns_is_noted(table, check):
    without = [6]
    (note,) = notes_of(check, "return", without=without)
    assert note.examples == ("market Almaty, firm B, period 4",)
    assert np.isnan(check(without).load(["Almaty"]).sales.sel(market="Almaty", firm="B", time=3))


def test_market_s_own_gap_is_no_return(table, check):
    without = table["week"] == 2
    assert notes_of(check, "return", without=without) == []


def test_entry_and_exit_are_noted(table, check):
    without = [0, 7]
    (entry,) = notes_of(check, "entry", without=without)
    (leave,) = notes_of(check, "exit", without=without)
    assert entry.examples == ("market Almaty, firm A, period 2",)
    assert leave.examples == ("market Almaty, firm B, period 3",)


def test_rows_out_of_order_are_sorted_with_a_note(table, check, tmp_path):
    path = tmp_path / "shuffled.csv"
    expected = check()
    table.iloc[[1, 0, *range(2, 24)]].to_csv(path, index=False)
    found = open_panel(make_study(path))
    (note,) = found.notes
    assert (note.kind, note.count, note.examples) == ("unsorted", 1, ("market Almaty, firm A",))
    assert found.content_hash == expected.content_hash


def test_other_sort_orders_are_in_order(table, tmp_path):
    path = tmp_path / "by_week.csv"
    table.sort_values(["week", "firm", "city"]).to_csv(path, index=False)
    assert open_panel(make_study(path)).notes == ()


def test_constant_effort_is_noted(table, check):
    table.loc[table["city"] == "Astana", "feature"] = 1
    (note,) = notes_of(check, "constant-effort")
    assert (note.column, note.count, note.examples) == ("feature", 1, ("market Astana",))
    assert "feature" in str(note)


def test_labels_that_differ_in_case_are_noted(table, check):
    table.loc[:3, "firm"] = "a"
    (note,) = notes_of(check, "similar-labels")
    assert note.examples == ("'a' and 'A'",), "in the order in which they appear"


def test_spaces_around_labels_do_not_count(table, check):
    table.loc[1, "firm"] = " A "
    assert check().firms.tolist() == ["A", "B", "C"]


def test_irregular_days_are_noted(table, check):
    days = {1: "2026-01-01", 2: "2026-01-04", 3: "2026-01-11", 4: "2026-01-13"}
    table["week"] = table["week"].map(days)
    assert len(notes_of(check, "irregular-time")) == 1


def test_firms_of_their_own_in_every_market_are_noted(table, check, tmp_path):
    path = tmp_path / "sparse.csv"
    parts = [table.assign(city=f"{k}-" + table["city"], firm=f"{k}-" + table["firm"]) for k in range(30)]
    pd.concat(parts).to_csv(path, index=False)
    (note,) = open_panel(make_study(path)).notes
    assert note.kind == "sparse"
    assert check().notes == ()


def test_filter_leaves_rows_out(table, check):
    table.loc[0, "sales"] = -1
    source = check(filter="week >= 2 and sales > 0")
    assert source.times.tolist() == [2, 3, 4]


def test_text_in_a_filter_column_is_not_left_out_silently(table, check):
    table["open"] = pd.Series(1, table.index, dtype=object)
    table.loc[5, "open"] = "yes"
    the_problem(check, ":7: market Almaty, firm B, period 2, column open: got 'yes'", filter="open == 1")


def test_filter_that_leaves_nothing(check):
    the_problem(check, "got no rows", "data.filter", filter="week > 100")


def test_filter_over_an_unknown_column(check):
    the_problem(check, "data.filter", "'weak'", filter="weak > 1")


def test_a_message_is_one_sentence_each_for_got_and_expected(table, check):
    table.loc[3, "sales"] = -2
    (text,) = problems_of(check)
    assert re.search(r"got -2; expected sales above 0\. [A-Z].*\.$", text)
