"""Rows to checked market panels: from files (`reading`), from ledgers (`ledger`) or simulated.

Everything here turns tables into markets, firms, efforts and periods, or reports what is wrong with a table.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dates": ["LogicalDate"],
        "market": ["MarketArrays"],
        "open": ["open_study_panel"],
        "panel": ["Panel"],
    },
)
