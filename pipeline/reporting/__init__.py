"""Words, tables and pictures of results: as an HTML page, as figures (`plots`), on a terminal (`console`)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "page": ["write_report"],
    },
)
