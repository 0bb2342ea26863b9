"""Ledger studies: efforts spelled out, accounts files and names checked before any posting is read."""

from pathlib import Path

import jsonschema
import pytest
from ledgers import ACCOUNTS, STUDY, books

from pipeline.config.json_schema import study_schema
from pipeline.config.sections.ledger.chart import chart_of
from pipeline.config.sections.ledger.efforts import load_accounts
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.yaml.document import read_yaml
from pipeline.errors import ConfigError, DataError
from pipeline.panel.source import open_panel


def wrong(folder, **texts):
    with pytest.raises(ConfigError) as error:
        books(folder, **texts)
    return {(Path(problem.file).name, problem.key): problem for problem in error.value.problems}


def test_two_keys_are_enough(tmp_path):
    study = books(tmp_path)
    assert isinstance(study.data, LedgerSection)
    assert study.data.frequency == "month"
    assert study.efforts == ("promotion", "place", "indirect")
    effort = study.data.efforts["promotion"]
    assert (effort.formula, effort.kind) == ("promotion / sales", "ratio")
    jsonschema.validate(read_yaml(STUDY, "").content, study_schema())


def test_an_expense_is_what_its_kind_says(tmp_path):
    efforts = "{a: {column: promotion, kind: amount}, b: {column: promotion, kind: index}, c: promotion}"
    efforts = books(tmp_path, overrides=["data.reference_sales=200", f"data.efforts={efforts}"]).data.efforts
    assert efforts["a"].formula == "promotion / 200"
    assert (efforts["b"].column, efforts["b"].formula) == ("promotion", None), "money, as it is"
    assert efforts["c"].formula == "promotion / sales"
    listed = books(tmp_path, overrides=["data.efforts=[promotion, stocks_days]"]).data.efforts
    assert listed["promotion"].formula == "promotion / sales"
    assert listed["stocks_days"].unit == "days"


def test_files_that_are_missing_and_keys_that_are_unknown(tmp_path):
    study = STUDY.replace("postings.csv", "posting.csv").replace(
        "accounts.yaml\n", "account.yaml\n  firm: x\n"
    )
    found = wrong(tmp_path, study=study)
    assert "Did you mean 'postings.csv'?" in found["study.yaml", "data.ledger"].hint
    assert "Did you mean 'accounts.yaml'?" in found["study.yaml", "data.accounts"].hint
    assert found["study.yaml", "data.ledger"].line == 3
    unknown = found["study.yaml", "data.firm"]
    assert "columns" in unknown.expected
    assert "file" not in unknown.expected.split(", "), "keys of a table are not keys of a ledger"


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("payables: [33]", "payables: [33, 12]", "liabilities.payables", "the account 12"),
        ("place: 712", "place: 1.5", "expenses.place", "got 1.5"),
        ("place: 712", "stocks_days: 712", "expenses.stocks_days", "the name 'stocks_days'"),
        ("place: 712", "stocks: 712", "assets.stocks", "the name 'stocks'"),
        ('sales: "60*"\n', "", "sales", "nothing"),
        ("closing", "closed", "closed", "the unknown key 'closed'"),
    ],
)
def test_what_is_wrong_with_the_accounts(tmp_path, old, new, key, said):
    assert old in ACCOUNTS
    found = wrong(tmp_path, accounts=ACCOUNTS.replace(old, new))
    problem = found["accounts.yaml", key]
    assert said in str(problem)
    assert problem.line is not None


def test_accounts_and_study_are_reported_together(tmp_path):
    found = wrong(
        tmp_path, accounts=ACCOUNTS.replace("[33]", "[33, 12]"), study=STUDY.replace("linear", "linaer")
    )
    assert {name for name, _ in found} == {"accounts.yaml", "study.yaml"}


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ("gross_margins", "Did you mean 'gross_margin'?"),
        ("{formula: promoton / sales}", "Did you mean 'promotion'?"),
        ("sales_growth", "`filter: age >= 1`"),
        ("{formula: log(sales / sales_before)}", "age counts its periods from 0"),
    ],
)
def test_efforts_are_checked_against_the_accounts(tmp_path, effort, said):
    study = STUDY.replace("accounts.yaml\n", f"accounts.yaml\n  efforts: {{mine: {effort}}}\n")
    problem = wrong(tmp_path, study=study)["study.yaml", "data.efforts.mine"]
    assert said in str(problem)
    assert problem.line == 5


def test_a_coefficient_says_which_accounts_it_needs(tmp_path):
    study = STUDY.replace("accounts.yaml\n", "accounts.yaml\n  efforts: [stocks_days]\n")
    accounts = ACCOUNTS.replace(", stocks: 13", "").replace("[10, 50]", "[10, 50, 13]")
    problem = wrong(tmp_path, study=study, accounts=accounts)["study.yaml", "data.efforts.stocks_days"]
    assert "stocks_days needs accounts of stocks." in problem.hint


def test_a_ledger_without_expenses_needs_efforts(tmp_path):
    accounts = ACCOUNTS.replace('{promotion: 711, place: 712, indirect: "72?"}', "")
    accounts = accounts.replace("[10, 50]", '[10, 50, "7*"]')
    assert "no efforts and no expenses" in str(
        wrong(tmp_path, accounts=accounts)["study.yaml", "data.efforts"]
    )


def test_accounts_find_their_group(tmp_path):
    books(tmp_path)
    chart = chart_of(load_accounts(str(tmp_path / "accounts.yaml")))
    assert [group.name for group in chart.find("601")] == ["sales"]
    assert [group.name for group in chart.find("725")] == ["indirect"]
    assert chart.find("72") == ()
    assert {group.name: group.side for group in chart.groups}["payables"] == "credit"
    both = ACCOUNTS.replace("cost_of_sales: 701", 'cost_of_sales: "7*"')
    (tmp_path / "accounts.yaml").write_text(both)
    chart = chart_of(load_accounts(str(tmp_path / "accounts.yaml")))
    assert [group.name for group in chart.find("711")] == ["promotion"], "a whole code goes before a pattern"
    assert [group.name for group in chart.find("725")] == ["cost_of_sales", "indirect"]


def test_an_account_mapped_twice_is_reported_with_the_postings(tmp_path):
    study = books(tmp_path, accounts=ACCOUNTS.replace("cost_of_sales: 701", 'cost_of_sales: "7*"'))
    with pytest.raises(DataError, match=r"account 721: got cost_of_sales and expenses\.indirect"):
        open_panel(study)
