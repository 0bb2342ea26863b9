"""Read-only questions to a store: lazy arrays, tables (`tables`), SQL, curves."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "results": ["ResultStore", "open_store"],
    },
)
