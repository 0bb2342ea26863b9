"""Calibrated markets under planned efforts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "market": ["ForecastMarket"],
        "scenario": ["forecast"],
    },
)
