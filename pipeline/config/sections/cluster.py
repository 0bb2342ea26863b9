"""The section `cluster` of a study: where the computation runs. It changes no number."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from pipeline.config.engines import ENGINES
from pipeline.config.sections.location import Location, resolve_location
from pipeline.config.sections.types import Count, Flag, Section, Table, optional_table

# A type checker takes no names from a table; pydantic and its messages do.
if TYPE_CHECKING:
    ClusterKind = str
else:
    ClusterKind = Literal[tuple(ENGINES)]


def _beside_the_study(value: str, info: ValidationInfo) -> str:
    return resolve_location(value, (info.context or {}).get("folder", ""))


PemFile = Annotated[Location, AfterValidator(_beside_the_study)]


class TlsSection(Section):
    """Files for an encrypted connection, relative to the study file."""

    ca: PemFile = Field(description="Certificate of the authority, PEM.")
    certificate: PemFile = Field(description="Own certificate, PEM.")
    key: PemFile = Field(description="Own private key, PEM.")


class ClusterSection(Section):
    """Where the computation runs; which engine takes which key: `pipeline.config.engines`."""

    kind: ClusterKind = Field(
        default="local",
        description="; ".join(f"{engine.name}: {engine.help}" for engine in ENGINES.values()) + ".",
    )
    workers: Count | None = Field(
        default=None, description="Worker processes (local: by default one a core) or SLURM jobs."
    )
    threads: Count = Field(default=1, description="Threads per worker.")
    memory: str | None = Field(default=None, description="Memory limit per worker, e.g. `2 GiB`.")
    dashboard: Flag = Field(
        default=False, description="Show dask's dashboard, to this computer, without a password."
    )
    address: str | None = Field(
        default=None, description="Scheduler to connect to: `tcp://...` or `tls://...`."
    )
    tls: TlsSection | None = Field(default=None, description="Files for a tls:// address.")
    queue: str | None = Field(default=None, description="SLURM partition.")
    account: str | None = Field(default=None, description="SLURM account.")
    walltime: str | None = Field(default=None, description="SLURM time limit per job, e.g. `01:00:00`.")
    options: Table[str] = optional_table("Further options of sbatch: `{qos: high}`.")
