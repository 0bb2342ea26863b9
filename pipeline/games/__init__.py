"""The firms of a calibrated market against each other: best responses and equilibria."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "game": ["play"],
    },
)
