"""Make the postings of configs/ledger.yaml: three companies with a known market function.

Run from the root of the repository: ``python configs/data/make_ledger.py``. All random numbers come from one
seed, so it makes the same file every time.
"""

import csv
from pathlib import Path

import numpy as np

from kernels import simulate_shares

FILE = Path(__file__).with_name("ledger_postings.csv")
COMPANIES = ("Altai", "Burabay", "Charyn")
MONTHS = np.arange(np.datetime64("2022-01"), np.datetime64("2026-01"))
MONTH, DAY = np.timedelta64(1, "M"), np.timedelta64(1, "D")
TOTAL = 900e6  # sales of the market, tenge a month
EXPENSES = {"product": 0.05, "price": 0.04, "promotion": 0.03, "place": 0.04}  # parts of sales, on average
TRUTH = {"product": 1.0, "price": 0.6, "promotion": 1.5, "place": 0.8}
CREDIT = 0.04  # what a month of credit to customers adds to f
JUMP_PRICE = 2.0e9  # tenge: a point of share gained per month costs 20 million on top of holding it
NOISE = 0.01  # of every share

BANK, RECEIVABLES, GOODS, PAYABLES, CAPITAL, PROFIT = "1030", "1210", "1330", "3310", "5030", "5610"
SALES, RETURNS, COST_OF_SALES, INDIRECT = "6010", "6020", "7010", "7210"
EXPENSE_ACCOUNTS = {"product": "7111", "price": "7112", "promotion": "7113", "place": "7114"}
FAIRS = "7115"  # promotion too
CLOSED = (SALES, RETURNS, COST_OF_SALES, *EXPENSE_ACCOUNTS.values(), FAIRS, INDIRECT)


def first_day(months):
    """Give the first days of months."""
    return months.astype("datetime64[D]")


def policies(rng, shape):
    """Draw numbers around 1 that stay as they are for half a year on average, shape (months, companies)."""
    level = np.exp(0.4 * rng.standard_normal(shape))
    anew = rng.random(shape) < 1 / 6
    anew[0] = True
    since = np.maximum.accumulate(np.where(anew, np.arange(shape[0])[:, None], 0), axis=0)
    return np.take_along_axis(level, since, axis=0)


def simulate(rng):
    """Give sales, expenses by name, and balances of receivables, all (months, companies), in tenge."""
    shape = (MONTHS.size, len(COMPANIES))
    ratios = {name: mean * policies(rng, shape) for name, mean in EXPENSES.items()}
    terms = 1.2 * policies(rng, shape)  # months of sales that customers owe at the end of a month
    total = TOTAL * np.exp(0.03 * rng.standard_normal(MONTHS.size) + 0.004 * np.arange(MONTHS.size))
    noise = np.exp(NOISE * rng.standard_normal(shape))
    days = (first_day(MONTHS + MONTH) - first_day(MONTHS)).astype(np.float64)[:, None]
    sales = np.full(shape, TOTAL / len(COMPANIES))
    for _ in range(50):  # days of receivables depend on sales, which depend on days of receivables
        receivables = terms * sales
        opening = np.vstack([receivables[:1], receivables[:-1]])
        credit = days * (opening + receivables) / 2 / sales / 30
        response = sum(TRUTH[name] * ratio for name, ratio in ratios.items()) + CREDIT * credit
        share = simulate_shares(
            np.array([0.5, 0.3, 0.2]),
            response,
            total,
            np.ones(MONTHS.size),
            jump_price=JUMP_PRICE,
            reference_sales=total.mean(),
            returns_to_scale=0.0,
        )
        seen = share * noise
        sales = np.round(total[:, None] * seen / seen.sum(axis=1, keepdims=True), 2)
    return (
        sales,
        {name: np.round(ratio * sales, 2) for name, ratio in ratios.items()},
        np.round(terms * sales, 2),
    )


class Journal:
    """Entries of one company."""

    def __init__(self, company):
        self.company, self.rows, self.entry = company, [], 0
        self.balance = {}

    def book(self, day, *postings):
        """Book an entry: (account, amount), debits above 0; the amount None is what balances the others."""
        self.entry += 1
        amounts = [0.0 if amount is None else round(float(amount), 2) for _, amount in postings]
        rest = -round(sum(amounts), 2)
        for (account, given), rounded in zip(postings, amounts, strict=True):
            amount = rest if given is None else rounded
            self.balance[account] = round(self.balance.get(account, 0.0) + amount, 2)
            sides = (f"{amount:.2f}", "") if amount > 0 else ("", f"{-amount:.2f}")
            self.rows.append((str(day), self.company, f"{self.entry:05d}", account, *sides, "KZT"))


def keep_books(rng, company, sales, expenses, receivables):
    """Book the months of a company; its stocks and payables follow the sales."""
    journal = Journal(company)
    opening = {
        RECEIVABLES: receivables[0],
        GOODS: 0.8 * sales[0],
        BANK: 2 * sales[0],
        PAYABLES: -0.5 * sales[0],
    }
    journal.book("2021-12-31", *opening.items(), (CAPITAL, None))
    for index, month in enumerate(MONTHS):
        days = [first_day(month) + day * DAY for day in (9, 14, 19, 24)]
        last = first_day(month + MONTH) - DAY
        returned = round(0.01 * sales[index], 2)
        early = round(0.45 * sales[index], 2)
        late = round(sales[index] + returned - early, 2)
        journal.book(days[0], (RECEIVABLES, early), (SALES, -early))
        journal.book(days[3], (RECEIVABLES, late), (SALES, -late))
        journal.book(last, (RETURNS, returned), (RECEIVABLES, -returned))
        cost = round(0.62 * sales[index] * np.exp(0.02 * rng.standard_normal()), 2)
        journal.book(last, (COST_OF_SALES, cost), (GOODS, -cost))
        stock = 0.8 * sales[index] * np.exp(0.1 * rng.standard_normal())
        bought = max(stock - journal.balance[GOODS], 0.2 * cost)
        journal.book(days[1], (GOODS, bought), (PAYABLES, None))
        for name, account in EXPENSE_ACCOUNTS.items():
            amount = round(float(expenses[name][index]), 2)
            fair = round(0.3 * amount, 2) if name == "promotion" and index % 3 == 0 else 0.0
            parts = [(account, amount - fair)] + ([(FAIRS, fair)] if fair else [])
            journal.book(days[2], *parts, (PAYABLES if name == "promotion" else BANK, None))
        salaries = round(0.08 * sales[index], 2)
        journal.book(last, (INDIRECT, salaries), (BANK, -salaries))
        collected = round(journal.balance[RECEIVABLES] - receivables[index], 2)
        journal.book(last, (BANK, collected), (RECEIVABLES, -collected))
        paid = round(0.6 * -journal.balance[PAYABLES], 2)
        journal.book(last, (PAYABLES, paid), (BANK, -paid))
        if str(month).endswith("-12"):
            closed = [
                (account, -journal.balance[account]) for account in CLOSED if journal.balance.get(account)
            ]
            journal.book(last, *closed, (PROFIT, None))
    return journal.rows


def main():
    """Write the file, by date."""
    rng = np.random.default_rng(2023)
    sales, expenses, receivables = simulate(rng)
    rows = []
    for place, company in enumerate(COMPANIES):
        own = {name: amount[:, place] for name, amount in expenses.items()}
        rows += keep_books(rng, company, sales[:, place], own, receivables[:, place])
    rows.sort(key=lambda row: (row[0], row[1], row[2]))
    with FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "company", "entry", "account", "debit", "credit", "currency"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
