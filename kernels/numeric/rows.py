"""Arithmetic on rows that are known to be of one length.

In compiled code ``target[:] = source`` also compiles what finds out that the lengths differ, and makes a
sentence of them: a tenth of a second of compilation for each such place.
"""

from kernels.numeric.jit import jit


@jit
def copy_to(target, source):
    """Write ``source (n,)`` over ``target (n,)``."""
    for e in range(target.size):
        target[e] = source[e]


@jit
def add_to(target, source):
    """Add ``source (n,)`` to ``target (n,)``."""
    for e in range(target.size):
        target[e] += source[e]


@jit
def multiply_by(target, factor):
    """Multiply ``target (n,)`` by ``factor (n,)``."""
    for e in range(target.size):
        target[e] *= factor[e]
