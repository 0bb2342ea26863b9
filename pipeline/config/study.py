"""A study as one frozen record: what `load_study` gives and every other module takes."""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from pipeline.config.place import Location
from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.sections.data import DataSection
from pipeline.config.sections.fit import NASH, FitSection, ValidationSection
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.models import CurveSection, Models
from pipeline.config.sections.recalibration import RecalibrationSection
from pipeline.config.sections.simulate import SimulateSection
from pipeline.config.sections.store import Store
from pipeline.config.sections.types import Label, LocatedSection, OrNothing, Seed, Table, optional_table
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import Variant, expand_variants, under_endogeneity, under_noise
from pipeline.errors import PlanError

INNER_ORIGINS = 4
"""Origins that a ladder of models is chosen by before those of the study."""
# Where the computation runs, where the results go and what things are called changes no number. The data
# themselves are identified by the hash of the panel, not by the name of their file.
_NO_NUMBERS: dict[str, Any] = {
    "study": True,
    "description": True,
    "store": True,
    "cluster": True,
    "recalibration": True,
    "data": {"file", "format", "sheet", "decimal", "columns", "date_format", "ledger", "accounts"},
    "experiments": True,
}


def _source_of(value: Any) -> str:
    """Tell a table from a ledger by its keys."""
    ledger = "ledger" in value if isinstance(value, dict) else isinstance(value, LedgerSection)
    return "of_ledger" if ledger else "of_table"


DataSource = Annotated[
    Annotated[DataSection, Tag("of_table")] | Annotated[LedgerSection, Tag("of_ledger")],
    Discriminator(_source_of),
]


class Study(LocatedSection):
    """One study: the data, the models calibrated on them, how and where, and the store of the results."""

    study: Label = Field(description="Name of the study; names its sweeps in the store.")
    description: str = Field(default="", description="A sentence on what the study is for.")
    data: DataSource | None = Field(
        default=None, description="The panel to calibrate on: a table, or the postings of a ledger."
    )
    simulate: SimulateSection | None = Field(
        default=None, description="A simulated panel with a known truth, in place of data."
    )
    experiments: Location | None = Field(
        default=None,
        description="Experiments as further data: path, relative to the study file, or URL of a CSV table "
        "with the columns market, firm, effort, from, to, baseline and changed (or change), outcome (share "
        "or sales), effect, stderr.",
    )
    curves: Table[CurveSection] = optional_table("Curves g(u) of your own.")
    models: Models = Field(
        description="The models: every list is an axis of the sweep; `auto` for a ladder to choose from."
    )
    fit: OrNothing[FitSection] = Field(default=FitSection(), description="How a model is calibrated.")
    validation: OrNothing[ValidationSection] = Field(
        default=ValidationSection(), description="What the models are tested against."
    )
    uncertainty: OrNothing[UncertaintySection] = Field(
        default=UncertaintySection(), description="How far the estimates can be trusted."
    )
    recalibration: OrNothing[RecalibrationSection] = Field(
        default=RecalibrationSection(), description="How the calibration is kept up to date."
    )
    cluster: OrNothing[ClusterSection] = Field(
        default=ClusterSection(), description="Where the computation runs; changes no number."
    )
    store: Store = Field(
        description="Where the results go: a folder, relative to the study file, or a URL such as "
        "s3://bucket/runs; or a mapping with `path`, `durable` and `trajectories`."
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _choose_inside(self) -> Self:
        """Give a ladder origins to choose by."""
        if self.models.auto and "inner" not in self.validation.model_fields_set:
            inner = self.validation.model_copy(update={"inner": INNER_ORIGINS})
            object.__setattr__(self, "validation", inner)
        return self

    _notes: tuple[str, ...] = PrivateAttr(())

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what its file says in words of earlier versions."""
        return self._notes

    def with_notes(self, notes: tuple[str, ...]) -> "Study":
        """Give the same study with such sentences."""
        noted = self.model_copy()
        noted._notes = notes
        return noted

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names of the efforts, in the order of the study."""
        source = self.data if self.data is not None else self.simulate
        return () if source is None else tuple(source.efforts)

    @property
    def store_location(self) -> str:
        """Path or URL of the store, relative paths taken from the study file's folder."""
        return self.resolve(self.store if isinstance(self.store, str) else self.store.path)

    @property
    def store_durable(self) -> bool:
        """Whether commits wait for the disk."""
        return not isinstance(self.store, str) and self.store.durable

    @property
    def stored_trajectories(self) -> Literal["none", "best", "all"]:
        """Whose calibrated shares are stored."""
        return "all" if isinstance(self.store, str) else self.store.trajectories

    @property
    def content_hash(self) -> str:
        """SHA-256 (64 hex digits) of everything in the study that changes a number, however it is written."""
        content = self.model_dump(mode="json", exclude=_NO_NUMBERS)
        if not self.fit.instrumented:
            # Studies that say nothing of it are those of versions that did not know it.
            del content["fit"]["endogenous"]
        if NASH not in self.validation.baselines:
            del content["validation"]["nash"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def to_yaml(self) -> str:
        """Write the study, overrides included, as YAML that loads to the same study from the same folder."""
        content = self.model_dump(mode="json", exclude_unset=True)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    def variants(self) -> tuple[Variant, ...]:
        """List the models of the sweep: all combinations of the axes, without the excluded ones.

        Returns
        -------
        tuple of Variant
            In the order of the study, with unique names.
        """
        variants = expand_variants(self.models, self.efforts, self.fit.gain)
        return under_noise(under_endogeneity(variants, self.fit), self.fit.noise)


def require_study(study: object) -> None:
    """Refuse what is no study that was read, such as the path of one.

    Raises
    ------
    PlanError
        With how to read it.
    """
    if not isinstance(study, Study):
        raise PlanError(
            f"Got {study!r} ({type(study).__name__}); expected a study that was read, such as "
            "beed.load_study('study.yaml')."
        )
