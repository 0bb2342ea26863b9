"""One model on one market: starts, screen, polish, and a record of what came out.

How far the estimates can be trusted is computed in `uncertainty`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibrate": ["calibrate_market"],
        "identifiability": ["StructureCheck"],
        "record": ["FitRecord"],
    },
)
