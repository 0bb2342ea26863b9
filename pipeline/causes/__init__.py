"""What efforts did and do to shares and sales: elasticities, returns, contributions, with intervals."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "effects": ["effects"],
        "explain": ["explain"],
        "returns": ["returns"],
    },
)
