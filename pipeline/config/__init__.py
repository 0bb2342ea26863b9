"""Studies: YAML in, a frozen `Study` out, or every problem at once.

The sections of studies and of other settings stand in `sections`, checks that involve several fields in
`checks`, YAML that remembers its lines in `yaml`. No data are read here.
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
