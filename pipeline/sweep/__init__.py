"""Study and panel to a plan, its tasks to workers, their results to a store; resume, and an orderly end."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"coordinator": ["plan_study", "run_study"], "report": ["RunReport"]}
)
