"""The small guesses: what names mean, how dates are written, what tells the columns of wide tables apart."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config.sections.types import is_name
from pipeline.panel.reading.sample import Column, Sample
from pipeline.proposing.periods import read_periods
from pipeline.proposing.wide import find_wide
from pipeline.proposing.words import LABELS, NUMERIC, identifier, meaning


def column(name, texts):
    texts = pd.Series(texts, dtype=object)
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    return Column(name, texts, values, int(np.isnan(values).sum()))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("price", "Verkaufspreis sales_price Ø-Preis_je_Stück Цена_за_кг prix"),
        ("sales", "Umsatz Выручка,тыс. ventas Erlöse net_sales"),
        ("quantity", "units_sold Absatz Количество"),
        ("share", "Marktanteil доля market_share"),
        ("expense", "adSpend_TV Werbeausgaben Расходы_на_рекламу"),
        ("promotion", "Акция feature Aktion"),
        ("outcome", "product_cost Gewinn"),
        ("posting", "Haben debit"),
        (None, "size pad x1 brand"),
    ],
)
def test_names_of_numbers(kind, names):
    assert {name: meaning(name, NUMERIC) for name in names.split()} == dict.fromkeys(names.split(), kind)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("market", "Filiale store_id город"),
        ("firm", "Marke brand Производитель"),
        ("time", "Kalenderwoche Дата yearmonth"),
        (None, "note price"),
    ],
)
def test_names_of_labels(kind, names):
    assert {name: meaning(name, LABELS) for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_any_text_becomes_a_name_of_its_own():
    taken = []
    for text in ("Preis je Stück", "Preis-je-Stuck", "Цена", "Щётка й", "1. Halbjahr", "€", "%", "x" * 200):
        taken.append(identifier(text, taken))
        assert is_name(taken[-1])
    assert taken[:4] == ["preis_je_stuck", "preis_je_stuck_2", "tsena", "shchetka_y"]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize(
    ("labels", "date_format", "frequency"),
    [
        (["2024-01", "2024-02", "2024-03"], None, "1 month"),
        (["31.01.2024", "29.02.2024", "31.03.2024"], "%d.%m.%Y", "1 month"),
        # 3/4 to 3/25 are weeks as months first, and no dates of one kind as days first.
        (["3/4/2024", "3/11/2024", "3/18/2024", "3/25/2024"], "%m/%d/%Y", "1 week"),
        # First days of months, or five days of January: either way without gaps, and the former is usual.
        (["01/02/2024", "01/03/2024", "01/04/2024", "01/05/2024", "01/06/2024"], "%d/%m/%Y", "1 month"),
        (["202311", "202312", "202401"], "%Y%m", "1 month"),
        (["20240101", "20240108", "20240115"], "%Y%m%d", "1 week"),
        (["Jan 2024", "Feb 2024", "Mar 2024"], "%b %Y", "1 month"),
        (["1", "2", "3"], None, "1"),
        (["2021", "2022", "2023"], None, "1"),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_way_that_makes_them_regular(labels, date_format, frequency):
    periods = read_periods(column("when", labels))
    assert (periods.date_format, periods.axis.frequency) == (date_format, frequency)


@pytest.mark.parametrize("labels", [["soon", "later"], ["2024-01", "no"], ["2024-01"], []])
def test_what_is_no_period(labels):
    assert read_periods(column("when", labels)) is None


@pytest.mark.parametrize(
    ("names", "sales"),
    [
        (["sales_A", "sales_B", "price_A", "price_B"], "sales"),
        (["A Umsatz", "B Umsatz", "A Preis", "B Preis"], "Umsatz"),
        (["A", "B", "A.price", "B.price"], "sales"),
        (["sales_A", "sales_B"], None),
        (["sales_value", "sales_units", "price"], None),
        (["sales_A", "sales_B", "price_A"], None),
    ],
)
def test_wide_tables_have_sales_and_something_else_of_each_firm(names, sales):
    columns = {name: column(name, ["1", "2"]) for name in names}
    wide = find_wide(Sample(columns, 2, True, "."))
    assert (wide and wide.sales) == sales
    if wide is not None:
        assert all(set(of) == {"A", "B"} for of in wide.columns.values())
        assert {name for of in wide.columns.values() for name in of.values()} == set(names)
