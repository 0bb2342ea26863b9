"""Tables as people have them: the same panel from a tidy table and from strange ones."""

import numpy as np
import pandas as pd
import pytest
from table_study import table_study

from pipeline.errors import DataError
from pipeline.panel.open import open_study_panel

FIRMS = ("Nord", "Süd")
EFFORTS = {"price": {}}


@pytest.fixture(scope="module")
def tidy():
    rows = pd.MultiIndex.from_product([pd.date_range("2024-01-01", periods=12, freq="W-MON"), FIRMS])
    random = np.random.default_rng(5)
    frame = pd.DataFrame(index=rows.set_names(["week", "firm"])).reset_index()
    return frame.assign(sales=random.uniform(900, 1100, 24).round(2), price=random.uniform(1, 2, 24).round(2))


def opened(file, **data):
    panel = open_study_panel(table_study(file, **{"market": None, "efforts": EFFORTS, **data}))
    return panel.load(slice(None))


@pytest.fixture
def expected(tidy, tmp_path):
    tidy.to_csv(tmp_path / "tidy.csv", index=False)
    return opened(tmp_path / "tidy.csv")


def test_decimal_commas_with_groups_and_dates_of_another_country(tidy, tmp_path, expected):
    said = tidy.assign(
        week=tidy["week"].dt.strftime("%d.%m.%Y"),
        sales=[f"{x:,.2f}".translate(str.maketrans(",.", ".,")) for x in tidy["sales"]],
        price=[f"{x:.2f}".replace(".", ",") for x in tidy["price"]],
    ).rename(columns={"price": "Preis (€)"})
    said.to_csv(tmp_path / "said.csv", sep=";", index=False)
    read = opened(tmp_path / "said.csv", decimal=",", date_format="%d.%m.%Y", columns={"price": "Preis (€)"})
    assert read.identical(expected)


def test_a_number_with_a_point_is_no_number_among_decimal_commas(tidy, tmp_path):
    said = tidy.assign(price="0.25", sales="10,5")
    said.to_csv(tmp_path / "said.csv", sep=";", index=False)
    with pytest.raises(DataError, match=r"'0\.25'"):
        opened(tmp_path / "said.csv", decimal=",")


def test_a_wide_table_is_its_tidy_one_and_empty_sales_are_absence(tidy, tmp_path):
    tidy = tidy[(tidy["firm"] == "Nord") | (tidy["week"] > "2024-01-20")]
    tidy.to_csv(tmp_path / "tidy.csv", index=False)
    wide = tidy.pivot_table(index="week", columns="firm", values=["sales", "price"])
    wide.columns = [f"{firm} {name}" for name, firm in wide.columns]
    wide.to_csv(tmp_path / "wide.csv")
    columns = {name: {firm: f"{firm} {name}" for firm in FIRMS} for name in ("sales", "price")}
    assert opened(tmp_path / "wide.csv", columns=columns).identical(opened(tmp_path / "tidy.csv"))


def test_columns_that_are_not_there_are_all_said(tidy, tmp_path):
    tidy.to_csv(tmp_path / "tidy.csv", index=False)
    columns = {"price": "prise", "sales": {"Nord": "sales", "Süd": "salesS"}, "deal": {"Nord": "week"}}
    with pytest.raises(DataError) as refused:
        opened(tmp_path / "tidy.csv", columns=columns)
    said = str(refused.value)
    assert "data.columns.price: got the column prise" in said
    assert "data.columns.sales.Süd: got the column salesS" in said
    assert "data.columns.deal: got columns of the firms Nord" in said


def test_a_sheet_by_its_name(tidy, tmp_path, expected):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"note": ["read me"]}).to_excel(book, sheet_name="Notes", index=False)
        tidy.to_excel(book, sheet_name="Panel", index=False)
    assert opened(tmp_path / "book.xlsx", sheet="Panel").identical(expected)
    with pytest.raises(DataError, match="one of Notes, Panel"):
        opened(tmp_path / "book.xlsx", sheet="Pannel")
