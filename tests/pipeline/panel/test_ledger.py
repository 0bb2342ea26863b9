"""From postings to a panel: sums by hand, the shipped ledger summed another way, everything wrong at once."""

import csv
import re
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from ledgers import HEADER, POSTINGS, STUDY, books
from places import CONFIGS

from pipeline.config.load import load_study
from pipeline.errors import DataError, ExitCode
from pipeline.panel.reading import tables as panel_table
from pipeline.panel.reading.formats import open_source
from pipeline.panel.source import open_panel


def table_of(study):
    reader, _ = open_source(study.data)
    return reader.table.set_index(["company", "period"])


def wrong(folder, *changes, **texts):
    """What is wrong with a ledger: row and sentence of each problem."""
    with pytest.raises(DataError) as error:
        open_panel(books(folder, *changes, **texts))
    assert error.value.exit_code == ExitCode.REFUSED
    return [(problem.line, str(problem)) for problem in error.value.problems]


def test_the_panel_is_the_sums_by_hand(tmp_path):
    panel = open_panel(books(tmp_path))
    assert panel.efforts == ("promotion", "place", "indirect")
    assert panel.frequency == "1 month"
    dataset = panel.load(panel.markets).squeeze("market")
    assert dataset.firm.to_numpy().tolist() == ["A", "B"]
    assert dataset.time.to_numpy().astype("datetime64[D]").astype(str).tolist() == [
        "2026-01-01",
        "2026-02-01",
    ]
    assert dataset.sales.attrs["units"] == "EUR / period"
    assert dataset.kind.to_numpy().tolist() == ["ratio"] * 3
    np.testing.assert_array_equal(dataset.sales, [[110 - 10, 120], [50, 40]])
    by_hand = {
        "promotion": [[5 / 100, 12 / 120], [1 / 50, 2 / 40]],
        "place": [[8 / 100, 0], [0, 0]],
        "indirect": [[2 / 100, 0], [0, 0]],
    }
    for name, ratios in by_hand.items():
        np.testing.assert_array_equal(dataset.efforts.sel(effort=name), ratios)


def test_the_coefficients_are_those_computed_by_hand(tmp_path):
    january, february = (table_of(books(tmp_path)).loc[("A", day)] for day in ("2026-01-01", "2026-02-01"))
    receivables = (20, 20 + 110 - 10 - 90, 20 + 110 - 10 - 90 + 120 - 100)
    payables = (10, 10 + 50 + 10, 10 + 50 + 10 + 72)
    stocks = (40, 40 + 50 - 60, 40 + 50 - 60 + 72 - 66)
    for row, month, (sales, cost, expenses) in ((january, 1, (100, 60, 15)), (february, 2, (120, 66, 12))):
        days = {1: 31, 2: 28}[month]
        by_hand = {
            "receivables": receivables[month],
            "receivables_opening": receivables[month - 1],
            "payables": payables[month],
            "stocks": stocks[month],
            "days": days,
            "age": month - 1,
            "costs": cost + expenses,
            "gross_margin": (sales - cost) / sales,
            "operating_margin": (sales - cost - expenses) / sales,
            "cost_ratio": (cost + expenses) / sales,
            "receivables_turnover": sales / np.mean(receivables[month - 1 : month + 1]),
            "receivables_days": days * np.mean(receivables[month - 1 : month + 1]) / sales,
            "payables_turnover": cost / np.mean(payables[month - 1 : month + 1]),
            "payables_days": days * np.mean(payables[month - 1 : month + 1]) / cost,
            "stocks_turnover": cost / np.mean(stocks[month - 1 : month + 1]),
            "stocks_days": days * np.mean(stocks[month - 1 : month + 1]) / cost,
            "production": cost + stocks[month] - stocks[month - 1],
            "stocks_growth": stocks[month] / stocks[month - 1] - 1,
        }
        for name, value in by_hand.items():
            assert row[name] == pytest.approx(value, rel=1e-14), name
    assert np.isnan(january["sales_growth"])
    assert february["sales_growth"] == pytest.approx(120 / 100 - 1)
    assert february["production_growth"] == pytest.approx(72 / 50 - 1)


def test_coefficients_are_efforts_by_name_and_in_formulas(tmp_path):
    efforts = (
        "data.efforts={gross_margin: {}, slow: {column: stocks_days}, growth: sales_growth, promotion: {}, "
        "push: {formula: promotion / costs + lag(cost_ratio)}}"
    )
    postings = POSTINGS + "".join(
        f"{day},B,{entry},{account},{debit},{credit},EUR\n"
        for day, entry, cost in (("2026-01-09", 20, 30), ("2026-02-09", 21, 24))
        for account, debit, credit in (
            (701, cost, ""),
            (13, "", cost),
            (13, 2 * cost, ""),
            (33, "", 2 * cost),
        )
    )
    study = books(tmp_path, postings=postings, overrides=[efforts, "data.filter=age >= 1"])
    panel = study.data.efforts
    assert panel["slow"].unit == "days"
    assert panel["gross_margin"].description == "gross margin"
    table = table_of(study)
    assert table.loc[("B", "2026-02-01"), "stocks_days"] == pytest.approx(28 * (30 + 54) / 2 / 24)
    with pytest.raises(DataError, match="one period"):  # the filter leaves February only
        open_panel(study)


@pytest.mark.parametrize(
    ("frequency", "labels", "sales"),
    [
        ("week", ["2025-12-29", "2026-01-05", "2026-01-19", "2026-02-02"], [50, 110, -10, 120 + 40]),
        ("quarter", ["2026-01-01"], [270 + 40]),
        ("year", ["2026-01-01"], [270 + 40]),
    ],
)
def test_periods_are_those_of_the_calendar(tmp_path, frequency, labels, sales):
    study = books(
        tmp_path,
        ("602,10,,", "602,,10,"),
        ("6,12,,10", "6,12,10,"),
        overrides=[f"data.frequency={frequency}"],
    )
    table = table_of(study)
    sums = table.groupby("period")["sales"].sum()
    sales = [abs(amount) for amount in sales] if frequency == "week" else [amount + 20 for amount in sales]
    assert sums[sums > 0].index.tolist() == labels
    assert sums[sums > 0].tolist() == sales


def test_a_company_is_there_while_it_sells(tmp_path):
    later = [
        ("2026-02-05,B", "2026-04-05,B"),
        ("2026-02-06,B", "2026-04-06,B"),
        ("2026-01-04,B", "2026-06-04,B"),
    ]
    table = table_of(books(tmp_path, *later))
    # Nothing in February and March: absent. In June B spends and sells nothing: gone.
    assert table.loc["B"].index.tolist() == ["2026-01-01", "2026-04-01"]
    assert table.loc["B", "age"].tolist() == [0, 3]
    assert np.isnan(table.loc[("B", "2026-04-01"), "sales_growth"])


def test_entries_that_close_the_year_leave_sales_alone(tmp_path):
    closing = "2026-02-28,A,99,601,230,,EUR\n2026-02-28,A,99,602,,10,EUR\n2026-02-28,A,99,56,,220,EUR\n"
    plain, closed = table_of(books(tmp_path)), table_of(books(tmp_path, postings=POSTINGS + closing))
    pd.testing.assert_frame_equal(plain, closed)
    refused = wrong(tmp_path, postings=POSTINGS + closing.replace(",56,", ",50,"))
    assert "period 2026-02-01, column sales: got -100.00 in the period" in refused[0][1]


def test_markets_are_kept_apart(tmp_path):
    rows = [f"{row},{market}" for market in ("north", "south") for row in POSTINGS.splitlines()]
    rows += ["2026-02-08,B,77,10,7,,EUR,south", "2026-02-08,B,77,601,,7,EUR,south"]
    study = books(
        tmp_path,
        postings="\n".join(rows) + "\n",
        header=f"{HEADER},region",
        study=STUDY.replace("  accounts", "  columns: {market: region}\n  accounts"),
    )
    panel = open_panel(study)
    assert panel.markets.tolist() == ["north", "south"]
    sales = panel.load(panel.markets).sales
    np.testing.assert_array_equal(sales.sel(firm="B"), [[50, 40], [50, 47]])
    one = open_panel(books(tmp_path, study=STUDY.replace("study: books", "study: other")))
    assert one.market_hashes["all"] != panel.market_hashes["north"], "the name of the market is part of it"


def test_order_of_rows_format_and_chunks_change_nothing(tmp_path, monkeypatch):
    panel = open_panel(books(tmp_path))
    shuffled = sorted(POSTINGS.splitlines(), key=lambda row: hash(row[::-1]) % 97)
    assert open_panel(books(tmp_path, postings="\n".join(shuffled) + "\n")).content_hash == panel.content_hash
    monkeypatch.setattr(panel_table, "CHUNK_BYTES", 200)
    study = books(tmp_path)
    assert open_panel(study).content_hash == panel.content_hash
    frame = pd.read_csv(tmp_path / "postings.csv", parse_dates=["date"])
    frame.to_parquet(tmp_path / "postings.parquet")
    frame.to_excel(tmp_path / "postings.xlsx", index=False)
    for ending in ("parquet", "xlsx"):
        other = load_study(tmp_path / "study.yaml", [f"data.ledger={tmp_path}/postings.{ending}"])
        assert open_panel(other).content_hash == panel.content_hash
        assert other.content_hash == study.content_hash, "where the data lie changes no number"


def test_everything_wrong_is_reported_at_once_with_rows(tmp_path):
    found = wrong(
        tmp_path,
        ("A,2,601,,110", "A,2,601,,109"),  # row 7, an entry that begins in row 6
        ("2026-01-10,A,3,33", "2026-13-10,A,3,33"),  # row 9
        ("A,4,711,5,", "A,4,999,5,"),  # row 10
        ("A,5,721,2,0,EUR", "A,5,721,2,0,USD"),  # row 13
        ("A,6,602,10,,", "A,6,602,-10,,"),  # row 15
        ("A,7,701,60,,", "A,7,701,60,60,"),  # row 17
        ("A,8,10,90,,", 'A,8,10,"9,0",,'),  # row 19
        ("B,1,10,50,,", "B,1,10,,,"),  # row 21
        ("2026-01-04,B,2,711,1,,EUR\n", "2026-01-04,B,2,711,1,,EUR\n" * 2),  # row 23 again in 24
        ("A,9,12,120", ",9,12,120"),  # row 26
    )
    texts = dict(found)
    expected = {
        6: r"company A, entry 2: got debits of 110.00 and credits of 109.00, 1.00 apart",
        9: r"column date: got '2026-13-10'; expected an ISO date",
        10: r"got the account 999 \(1 posting\); expected an account of the accounts file",
        13: r"column currency: got USD; expected EUR",
        15: r"column debit: got -10; expected an amount >= 0",
        17: r"got debit 60 and credit 60; expected a debit or a credit",
        19: r"column debit: got '9,0'; expected a number.*decimal point",
        21: r"got no amount; expected a debit or a credit",
        24: r"got the posting of row 23 again",
        26: r"column company: got nothing; expected the company",
    }
    for row, pattern in expected.items():
        assert re.search(pattern, texts[row]), (row, texts.get(row))
    # Row 23 begins an entry that the second posting upsets; the other entry of row 26 has lost a side.
    assert sorted(texts) == sorted([*expected, 23, 27]), "nothing is said twice"


def test_sums_on_the_wrong_side_are_reported_with_the_posting_to_blame(tmp_path):
    refund = "2026-02-11,A,50,10,13,,EUR\n2026-02-11,A,50,711,,13,EUR\n"
    found = wrong(
        tmp_path, ("A,7,701,60", "A,7,701,95"), ("A,7,13,,60", "A,7,13,,95"), postings=POSTINGS + refund
    )
    assert [line for line, _ in found] == [40, 18]
    assert (
        "period 2026-02-01, column promotion: got -1.00 in the period, more on the credit side" in found[0][1]
    )
    assert "period 2026-01-01, column stocks: got -5.00 at its end" in found[1][1]


def test_columns_that_are_missing_are_named(tmp_path):
    found = wrong(tmp_path, header=HEADER.replace("debit", "debt").replace("company", "firm"))
    assert len(found) == 2
    assert "data.columns.debit: got the column debit; expected one of date, firm" in found[1][1]
    assert "Did you mean 'debt'?" in found[1][1]
    study = STUDY.replace("  accounts", "  columns: {company: firm, debit: debt}\n  accounts")
    mended = books(tmp_path, header=HEADER.replace("debit", "debt").replace("company", "firm"), study=study)
    assert open_panel(mended).content_hash == open_panel(books(tmp_path)).content_hash


def test_without_numbers_of_entries_a_day_must_balance(tmp_path):
    header = HEADER.replace("entry", "reference")
    assert open_panel(books(tmp_path, header=header)).content_hash == open_panel(books(tmp_path)).content_hash
    found = wrong(tmp_path, ("A,2,601,,110", "A,2,601,,109"), header=header)
    assert found[0][0] == 6
    assert "company A, day 2026-01-05" in found[0][1]


def test_postings_without_rows(tmp_path):
    assert "no postings" in wrong(tmp_path, postings="")[0][1]


def test_the_shipped_ledger_is_its_postings_added_up(tmp_path):
    study = load_study(CONFIGS / "ledger.yaml")
    panel = open_panel(study)
    assert panel.firms.tolist() == ["Altai", "Burabay", "Charyn"]
    assert panel.times.size == 48
    sums, debtors = defaultdict(float), defaultdict(float)
    names = {"6010": "sales", "6020": "sales", "7111": "product", "7112": "price", "7113": "promotion"}
    names |= {"7115": "promotion", "7114": "place"}
    with (CONFIGS / "data/ledger_postings.csv").open() as file:
        rows = list(csv.DictReader(file))
    closing = {(row["company"], row["entry"]) for row in rows if row["account"] == "5610"}
    assert len(closing) == 3 * 4
    for row in rows:
        net = float(row["debit"] or 0) - float(row["credit"] or 0)
        name = names.get(row["account"])
        if name is not None and (row["company"], row["entry"]) not in closing:
            sums[row["company"], row["date"][:7], name] += -net if name == "sales" else net
        if row["account"] == "1210":
            debtors[row["company"], row["date"][:7]] += net
    dataset = panel.load(panel.markets).squeeze("market")
    for firm in panel.firms.tolist():
        owed = debtors[firm, "2021-12"]
        for time in panel.times:
            month = str(time.astype("datetime64[M]"))
            here = dataset.sel(firm=firm, time=time)
            sales = sums[firm, month, "sales"]
            assert float(here.sales) == pytest.approx(sales, rel=1e-12)
            for name in ("product", "price", "promotion", "place"):
                ratio = sums[firm, month, name] / sales
                assert float(here.efforts.sel(effort=name)) == pytest.approx(ratio, rel=1e-12)
            start, end = (np.datetime64(month), np.datetime64(month) + np.timedelta64(1, "M"))
            days = int((end.astype("datetime64[D]") - start.astype("datetime64[D]")).astype(int))
            mean = owed + debtors[firm, month] / 2
            owed += debtors[firm, month]
            assert float(here.efforts.sel(effort="credit")) == pytest.approx(
                days * mean / sales / 30, rel=1e-9
            )


LATE = [("2025-12-31,A,1,", "2026-01-01,A,1,")]


def test_opening_balances_inside_the_first_period_are_noted(tmp_path):
    (note,) = [one for one in open_panel(books(tmp_path, *LATE)).notes if one.kind == "opening-balance"]
    assert note.count == 1
    assert note.examples == (
        "company A, entry 1 of 2026-01-01 (row 2): receivables 20.00, stocks 40.00, payables 10.00",
    )
    assert "Date them before the period" in str(note)


BOUGHT_EARLY = [("2026-01-10,A,3,", "2026-01-02,A,3,")]
STOCKS_ALONE = [
    ("2026-01-01,A,1,12,20,,EUR\n", ""),
    ("2026-01-01,A,1,33,,10,EUR\n", ""),
    ("A,1,50,,50", "A,1,50,,40"),
    ("A,13,10,100", "A,13,10,90"),  # customers owe 20 less from the start, and pay as much less
    ("A,13,12,,100", "A,13,12,,90"),
]


@pytest.mark.parametrize(
    ("late", "changes"),
    [
        pytest.param([], [], id="before the period"),
        pytest.param([], BOUGHT_EARLY, id="a purchase on credit before the first sale"),
        pytest.param(LATE, STOCKS_ALONE, id="stocks alone, as if bought for money"),
    ],
)
def test_business_is_no_opening_balance(tmp_path, late, changes):
    postings = POSTINGS
    for old, new in late:
        postings = postings.replace(old, new)
    notes = open_panel(books(tmp_path, *changes, postings=postings)).notes
    assert not [one for one in notes if one.kind == "opening-balance"]


def test_of_the_shipped_ledger_only_moved_opening_balances_are_noted(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for file in ("ledger_accounts.yaml", "ledger_postings.csv"):
        (folder / file).write_bytes((CONFIGS / "data" / file).read_bytes())
    (tmp_path / "ledger.yaml").write_text((CONFIGS / "ledger.yaml").read_text())
    assert not open_source(load_study(tmp_path / "ledger.yaml").data)[0].notes
    moved = (folder / "ledger_postings.csv").read_text().replace("2021-12-31", "2022-01-01")
    (folder / "ledger_postings.csv").write_text(moved)
    (note,) = open_source(load_study(tmp_path / "ledger.yaml").data)[0].notes
    assert (note.kind, note.count) == ("opening-balance", 3)
