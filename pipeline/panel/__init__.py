"""Rows to checked market panels: from files (`reading`), from ledgers (`ledger`) or simulated.

Here lives whatever turns a table into markets, firms, efforts and periods, and says what is wrong with it.
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
