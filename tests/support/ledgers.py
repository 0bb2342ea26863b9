"""A ledger of two companies, small enough to be summed by hand, and studies on it."""

from pathlib import Path

from pipeline.config.load import load_study

HEADER = "date,company,entry,account,debit,credit,currency"
POSTINGS = """\
2025-12-31,A,1,13,40,,EUR
2025-12-31,A,1,12,20,,EUR
2025-12-31,A,1,33,,10,EUR
2025-12-31,A,1,50,,50,EUR
2026-01-05,A,2,12,110,,EUR
2026-01-05,A,2,601,,110,EUR
2026-01-10,A,3,13,50,,EUR
2026-01-10,A,3,33,,50,EUR
2026-01-15,A,4,711,5,,EUR
2026-01-15,A,4,10,,5,EUR
2026-01-16,A,5,712,8,0,EUR
2026-01-16,A,5,721,2,0,EUR
2026-01-16,A,5,33,0,10,EUR
2026-01-20,A,6,602,10,,EUR
2026-01-20,A,6,12,,10,EUR
2026-01-31,A,7,701,60,,EUR
2026-01-31,A,7,13,,60,EUR
2026-01-31,A,8,10,90,,EUR
2026-01-31,A,8,12,,90,EUR
2026-01-03,B,1,10,50,,EUR
2026-01-03,B,1,601,,50,EUR
2026-01-04,B,2,711,1,,EUR
2026-01-04,B,2,10,,1,EUR
2026-02-02,A,9,12,120,,EUR
2026-02-02,A,9,601,,120,EUR
2026-02-03,A,10,711,12,,EUR
2026-02-03,A,10,10,,12,EUR
2026-02-10,A,11,13,72,,EUR
2026-02-10,A,11,33,,72,EUR
2026-02-27,A,12,701,66,,EUR
2026-02-27,A,12,13,,66,EUR
2026-02-28,A,13,10,100,,EUR
2026-02-28,A,13,12,,100,EUR
2026-02-05,B,3,10,40,,EUR
2026-02-05,B,3,601,,40,EUR
2026-02-06,B,4,711,2,,EUR
2026-02-06,B,4,10,,2,EUR
"""
ACCOUNTS = """\
currency: EUR
sales: "60*"
cost_of_sales: 701
expenses: {promotion: 711, place: 712, indirect: "72?"}
assets: {receivables: 12, stocks: 13}
liabilities: {payables: [33]}
closing: 56
other: [10, 50]
"""
STUDY = """\
study: books
data:
  ledger: postings.csv
  accounts: accounts.yaml
models: {form: investment, response: linear}
store: runs
"""


def make_ledger(folder: Path, *changes, postings=POSTINGS, header=HEADER, accounts=ACCOUNTS, study=STUDY):
    """Write the three files, after replacing pieces of the postings' text; give the study's path."""
    for old, new in changes:
        assert old in postings
        postings = postings.replace(old, new)
    (folder / "postings.csv").write_text(f"{header}\n{postings}")
    (folder / "accounts.yaml").write_text(accounts)
    (folder / "study.yaml").write_text(study)
    return folder / "study.yaml"


def books(folder, *changes, overrides=(), **texts):
    """Write a ledger and load the study on it."""
    return load_study(make_ledger(folder, *changes, **texts), overrides)
