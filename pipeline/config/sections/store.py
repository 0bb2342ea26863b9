"""Section `store` of a study, where it is more than the path: how the store is written."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from pipeline.config.place import Location
from pipeline.config.sections.types import Flag, Section


class StoreSection(Section):
    """Where the results go, and how they are kept."""

    path: Location = Field(
        description="A folder, relative to the study file, or a URL such as s3://bucket/runs."
    )
    durable: Flag = Field(
        default=False,
        description="Whether a commit waits until the disk has it, so that power loss takes nothing back; "
        "for folders (S3 does it anyway). Costs some milliseconds to some tenths of a second a commit.",
    )
    trajectories: Literal["none", "best", "all"] = Field(
        default="all",
        description="Whose calibrated shares are stored: of all models, of the best one of each market (by "
        "AICc, when all are done), or of none. They follow from the parameters: what is not stored is "
        "computed when it is asked for, in some milliseconds a fit.",
    )


def _form_of(value: Any) -> str:
    return "of_mapping" if isinstance(value, dict | StoreSection) else "of_path"


Store = Annotated[
    Annotated[Location, Tag("of_path")] | Annotated[StoreSection, Tag("of_mapping")], Discriminator(_form_of)
]
"""The path alone, or a mapping with it."""
