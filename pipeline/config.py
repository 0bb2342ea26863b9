"""Studies: YAML in, a frozen `Study` out, or every problem at once."""

from pipeline.config_cluster import ClusterSection
from pipeline.config_data import DataSection, EffortSection
from pipeline.config_fit import FitSection, ValidationSection
from pipeline.config_ledger import LedgerSection
from pipeline.config_load import load_study
from pipeline.config_models import CurveSection, ModelsSection
from pipeline.config_recalibration import RecalibrationSection
from pipeline.config_schema import study_schema
from pipeline.config_simulate import SimulateSection
from pipeline.config_study import Study
from pipeline.config_types import FrozenMapping
from pipeline.config_uncertainty import UncertaintySection
from pipeline.config_variants import ResponseChoice, Variant

__all__ = [
    "ClusterSection",
    "CurveSection",
    "DataSection",
    "EffortSection",
    "FitSection",
    "FrozenMapping",
    "LedgerSection",
    "ModelsSection",
    "RecalibrationSection",
    "ResponseChoice",
    "SimulateSection",
    "Study",
    "UncertaintySection",
    "ValidationSection",
    "Variant",
    "load_study",
    "study_schema",
]
