"""Entries of a ledger: whether they balance, whether postings repeat, and which of them close the books."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.panel.findings import Problems
from pipeline.panel.ledger.postings import PostingEncoder
from pipeline.panel.reading.tables import Chunk

_KEY = ["company", "entry", "day"]
_ROUNDING = 1e-12
"""Relative error of sums of amounts."""


class EntryBook:
    """Sums of entries while postings are read; entries that balance are dropped.

    Parameters
    ----------
    numbered
        Whether postings have a number of their entry; otherwise all of a company on one day are one entry.
    """

    def __init__(self, numbered: bool) -> None:
        self.numbered = numbered
        self._open: pd.DataFrame | None = None

    def keys(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Give the columns that identify the entry of each posting."""
        return {
            "company": rows["company"],
            "entry": rows["entry"],
            "day": np.zeros(rows.size, dtype=np.int64) if self.numbered else rows["day"],
        }

    def add(self, rows: np.ndarray) -> None:
        """Add postings to their entries."""
        fresh = pd.DataFrame(
            {**self.keys(rows), **{name: rows[name] for name in ("net", "gross", "row", "bad")}}
        )
        both = fresh if self._open is None else pd.concat([self._open, fresh], ignore_index=True)
        sums = both.groupby(_KEY, as_index=False, sort=False).agg(
            net=("net", "sum"), gross=("gross", "sum"), row=("row", "min"), bad=("bad", "any")
        )
        self._open = sums[(sums["net"] != 0) | sums["bad"]]

    def report(self, encoder: PostingEncoder, problems: Problems) -> None:
        """Report the entries whose debits and credits differ although each of their postings is valid."""
        if self._open is None:
            return
        differ = (self._open["net"].abs() > _ROUNDING * self._open["gross"]) & ~self._open["bad"]
        unbalanced = self._open[differ].sort_values("row")
        for sums in unbalanced.to_dict("records"):
            company = encoder.companies.texts[sums["company"]]
            entry = (
                f"entry {encoder.entries.texts[sums['entry']]}"
                if self.numbered
                else f"day {_date(sums['day'])}"
            )
            debit, credit = (sums["gross"] + sums["net"]) / 2, (sums["gross"] - sums["net"]) / 2
            problems.add(
                "unbalanced entries",
                f"company {company}, {entry}",
                f"debits of {debit:,.2f} and credits of {credit:,.2f}, {abs(sums['net']):,.2f} apart",
                "debits equal to credits",
                "The row is the first of the entry.",
                row=int(sums["row"]),
            )


def _date(day: int) -> str:
    return str(np.datetime64(int(day), "D"))


class Repetitions:
    """Hashes of rows, to find those that are equal in every column."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []

    def add(self, chunk: Chunk) -> None:
        """Add the rows of a chunk."""
        assert chunk.rows is not None
        table = pa.table(chunk.columns).to_pandas()
        filled = ~table.isna().all(axis=1).to_numpy()  # blank lines may repeat
        self._hashes.append(pd.util.hash_pandas_object(table[filled], index=False).to_numpy())
        self._rows.append(chunk.rows[filled])

    def report(self, problems: Problems) -> None:
        """Report the rows that repeat an earlier one."""
        if not self._hashes:
            return
        hashes, rows = np.concatenate(self._hashes), np.concatenate(self._rows)
        order = np.argsort(hashes, kind="stable")
        repeated = np.flatnonzero(hashes[order][1:] == hashes[order][:-1]) + 1
        pairs = sorted((int(rows[order[i]]), int(rows[order[i - 1]])) for i in repeated)
        hint = "Remove it; if both are meant, give them different numbers or texts."
        for row, earlier in pairs:
            got = f"the posting of row {earlier} again"
            problems.add("postings twice", "", got, "every posting once", hint, row=row)


def closing_entries(book: EntryBook, rows: Sequence[np.ndarray]) -> pd.MultiIndex:
    """Give the keys of the entries of these postings, which are on closing accounts."""
    keys = pd.concat([pd.DataFrame(book.keys(part)) for part in rows], ignore_index=True)
    return pd.MultiIndex.from_frame(keys.drop_duplicates())
