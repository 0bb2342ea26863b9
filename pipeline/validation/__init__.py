"""Windows of periods, forecasts after them, baselines, error measures, and tests of their difference."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "baselines": ["BASELINES"],
        "metrics": ["METRICS"],
        "windows": ["windows_of"],
    },
)
