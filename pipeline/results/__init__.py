"""Read-only questions to a store: lazy arrays (`results`), tables (`tables`), SQL, curves, files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "result_store": ["ResultStore", "open_store"],
        "results": ["Results"],
        "tables.registry": ["TABLES"],
    },
)
