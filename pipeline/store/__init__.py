"""The on-disk format, written down (`format`), and the code that creates, writes, commits and reads it.

A store knows groups, axes and arrays; it knows nothing of studies, models or vintages.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "fork": ["Fork"],
        "format.layout": ["SweepLayout"],
        "read": ["SweepInfo"],
        "store": ["Store"],
        "sweep": ["Sweep"],
    },
)
