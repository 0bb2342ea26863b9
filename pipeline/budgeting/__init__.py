"""One firm's money over several markets: the best allocation, the frontier, and what a share costs.

And what a flight plan costs as a quantity that experiments tell of.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"allocate": ["allocate"], "plan_cost": ["plan_cost"]}
)
