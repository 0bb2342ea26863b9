"""Numerical kernels of the Basic Equation of Economic Dynamics: numbers in, numbers out."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from kernels.least_squares.batch import fit_batch
    from kernels.motion.shares import share_sensitivities, simulate_shares

# The compiler takes a second to import; checking a study needs the formulas alone.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "least_squares.batch": ["fit_batch"],
        "motion.shares": ["share_sensitivities", "simulate_shares"],
    },
)
__all__ = ["fit_batch", "share_sensitivities", "simulate_shares"]
