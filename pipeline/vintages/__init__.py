"""Keep a calibration current: one vintage a date, its drift, and a scheduler."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "drift": ["compute_drift"],
        "recalibrate": ["recalibrate_study"],
        "schedule": ["Scheduler"],
    },
)
