"""Studies: YAML in, a frozen `Study` out, or every problem at once.

Here live the sections of a study and of other settings (`sections`), what one field cannot tell (`checks`),
and YAML that remembers its lines (`yaml`). No data are read here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "json_schema": ["study_schema"],
        "load": ["load_study"],
        "sections.game": ["GameSettings"],
        "sections.planning": ["PlanSettings"],
        "sections.scenario": ["Scenario"],
        "study": ["Study"],
        "variants": ["Variant"],
    },
)
