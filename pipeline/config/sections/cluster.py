"""The section `cluster` of a study: where the computation runs. It changes no number."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from pipeline.config.sections.location import resolve_location
from pipeline.config.sections.types import Count, Section, Table, optional_table

ClusterKind = Literal["serial", "local", "address", "slurm"]

KEYS_OF_KIND: dict[str, frozenset[str]] = {
    "serial": frozenset(),
    "local": frozenset({"workers", "threads", "memory"}),
    "address": frozenset({"address", "tls"}),
    "slurm": frozenset({"workers", "threads", "memory", "queue", "account", "walltime", "options"}),
}
"""The keys that each kind of cluster takes."""


def _beside_the_study(value: str, info: ValidationInfo) -> str:
    return resolve_location(value, (info.context or {}).get("folder", ""))


PemFile = Annotated[str, AfterValidator(_beside_the_study)]


class TlsSection(Section):
    """Files for an encrypted connection, relative to the study file."""

    ca: PemFile = Field(description="Certificate of the authority, PEM.")
    certificate: PemFile = Field(description="Own certificate, PEM.")
    key: PemFile = Field(description="Own private key, PEM.")


class ClusterSection(Section):
    """Where the computation runs."""

    kind: ClusterKind = Field(
        default="local",
        description="serial: this process; local: processes on this machine; address: a dask cluster that "
        "runs already; slurm: jobs of a SLURM queue.",
    )
    workers: Count | None = Field(
        default=None, description="Worker processes (local: by default one a core) or SLURM jobs."
    )
    threads: Count = Field(default=1, description="Threads per worker.")
    memory: str | None = Field(default=None, description="Memory limit per worker, e.g. `2 GiB`.")
    address: str | None = Field(
        default=None, description="Scheduler to connect to: `tcp://...` or `tls://...`."
    )
    tls: TlsSection | None = Field(default=None, description="Files for a tls:// address.")
    queue: str | None = Field(default=None, description="SLURM partition.")
    account: str | None = Field(default=None, description="SLURM account.")
    walltime: str | None = Field(default=None, description="SLURM time limit per job, e.g. `01:00:00`.")
    options: Table[str] = optional_table("Further options of sbatch: `{qos: high}`.")
