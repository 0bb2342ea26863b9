"""Opening balances dated inside the first period, where they count as changes of the period."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline.config.sections.ledger.chart import Chart
from pipeline.config.sections.ledger.postings import SALES
from pipeline.panel.findings import Notes, PanelNote
from pipeline.panel.ledger.postings import PostingEncoder
from pipeline.panel.time_axis import periods_of_days

KIND = "opening-balance"
_RECEIVABLES, _PAYABLES = "receivables", "payables"
_COLUMNS = ["company", "entry", "entry_day", "day", "group", "amount", "row"]


class Openings:
    """Looks for entries that open the books too late, while postings are read.

    An opening balance belongs before the first period. One that is dated in it makes the balance at its start
    0, and half of it missing in mean balances. It is told from daily business by what business cannot do:
    receivables rise without a sale in the entry, or payables without anything bought. Only entries up to the
    first sale of a company, in the same period, are looked at, and only where the company has no balances
    from before. Purchases, on credit or not, are never noted; nor are stocks that are opened alone.

    Parameters
    ----------
    chart
        The accounts.
    frequency
        Calendar periods.
    keys
        Gives the columns that identify the entry of each posting, as `EntryBook.keys` does.
    numbered
        Whether entries have numbers.
    """

    def __init__(
        self,
        chart: Chart,
        frequency: str,
        keys: Callable[[np.ndarray], dict[str, np.ndarray]],
        *,
        numbered: bool,
    ) -> None:
        self.frequency, self.keys, self.numbered = frequency, keys, numbered
        self._names = [group.name for group in chart.summed]
        self._signs = np.array([group.sign for group in chart.summed], dtype=np.float64)
        self._flows = np.array([group.kind == "flow" for group in chart.summed])
        self._early = pd.DataFrame(columns=_COLUMNS)

    def add(self, rows: np.ndarray) -> None:
        """Add postings; those after the first sale of their company, so far, are dropped."""
        rows = rows[rows["group"] >= 0]
        keys = self.keys(rows)
        fresh = pd.DataFrame(
            {
                "company": rows["company"],
                "entry": rows["entry"],
                "entry_day": keys["day"],
                "day": rows["day"],
                "group": rows["group"],
                "amount": self._signs[rows["group"]] * rows["net"],
                "row": rows["row"],
            }
        )
        both = pd.concat([self._early, fresh], ignore_index=True) if len(self._early) else fresh
        self._early = both[both["day"] <= self._first_sales(both)]

    def notes(self, encoder: PostingEncoder) -> tuple[PanelNote, ...]:
        """Describe what looks like an opening balance, by firm, date, entry and amount."""
        notes = Notes()
        early = self._early
        # A company without any sale has no first period.
        early = early[np.isfinite(self._first_sales(early))]
        if early.empty:
            return ()
        first = periods_of_days(self._first_sales(early).to_numpy(np.int64), self.frequency)
        inside = periods_of_days(early["day"].to_numpy(np.int64), self.frequency) == first
        opened = set(early[~inside & ~self._is_flow(early)]["company"])
        candidates = early[inside & ~early["company"].isin(opened)]
        for _, entry in candidates.groupby(["company", "entry", "entry_day"], sort=False):
            amounts = entry.groupby("group")["amount"].sum()
            named = {self._names[int(group)]: amount for group, amount in amounts.items()}
            if self._is_flow(entry).any() or not _opens(named):
                continue
            company, number = (
                encoder.companies.texts[int(entry["company"].iloc[0])],
                int(entry["entry"].iloc[0]),
            )
            where = f"entry {encoder.entries.texts[number]} of " if self.numbered else ""
            date = np.datetime64(int(entry["day"].min()), "D")
            sums = ", ".join(f"{name} {amount:,.2f}" for name, amount in named.items())
            notes.add(KIND, [f"company {company}, {where}{date} (row {entry['row'].min()}): {sums}"], 1)
        return notes.records()

    def _first_sales(self, postings: pd.DataFrame) -> pd.Series:
        """Give the day of the first sale of each posting's company; infinity when there is none."""
        sold = postings[postings["group"] == self._names.index(SALES)].groupby("company")["day"].min()
        return postings["company"].map(sold).astype(np.float64).fillna(np.inf)

    def _is_flow(self, postings: pd.DataFrame) -> np.ndarray:
        return self._flows[postings["group"].to_numpy(np.int64)]


def _opens(amounts: dict[str, float]) -> bool:
    """Tell whether balances rise in an entry as they do when books are opened only."""
    bought = any(amount > 0 for name, amount in amounts.items() if name != _PAYABLES)
    return amounts.get(_RECEIVABLES, 0.0) > 0 or (amounts.get(_PAYABLES, 0.0) > 0 and not bought)
