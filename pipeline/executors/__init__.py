"""Picklable jobs on an engine: one file an engine, one function for all."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"execute": ["execute"], "jobs": ["Hooks", "JobOutcome"]}
)
