"""The equation read backwards: from a wanted share to investment and efforts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "equation": ["held_share", "investment_against", "required_investment"],
        "flight": ["flight_plan"],
    },
)
