"""Numerical kernels of the Basic Equation of Economic Dynamics: numbers in, numbers out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernels.shares import share_sensitivities, simulate_shares

__all__ = ["share_sensitivities", "simulate_shares"]


def __getattr__(name: str) -> Any:
    # The compiler takes a second to import; checking a study needs the formulas alone.
    if name in __all__:
        from kernels import shares

        return getattr(shares, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
