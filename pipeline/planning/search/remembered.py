"""One value kept: an optimiser asks for value and gradients of one point one after the other."""

from collections.abc import Callable

from kernels.numeric.arrays import Floats


def remembered[Value](function: Callable[[Floats], Value]) -> Callable[[Floats], Value]:
    """Keep the last value of a function of a point."""
    last: dict[bytes, Value] = {}

    def call(z: Floats) -> Value:
        key = z.tobytes()
        if key not in last:
            last.clear()
            last[key] = function(z)
        return last[key]

    return call
