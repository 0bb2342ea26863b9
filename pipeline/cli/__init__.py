"""The command line: arguments in, one call, exit code out. A file for each group of commands."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "app": ["main"],
    },
)
