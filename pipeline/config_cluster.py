"""The section `cluster` of a study: where the work is done. It changes no number."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.config_types import Integer, Section, Table

ClusterKind = Literal["serial", "local", "address", "slurm"]

# Which keys say something for which kind of cluster.
_KEYS: dict[str, frozenset[str]] = {
    "serial": frozenset(),
    "local": frozenset({"workers", "threads", "memory"}),
    "address": frozenset({"address", "tls"}),
    "slurm": frozenset({"workers", "threads", "memory", "queue", "account", "walltime", "options"}),
}


class TlsSection(Section):
    """Files for an encrypted connection, relative to the current folder."""

    ca: str = Field(description="Certificate of the authority, PEM.")
    certificate: str = Field(description="Own certificate, PEM.")
    key: str = Field(description="Own private key, PEM.")


class ClusterSection(Section):
    """Where the work is done."""

    kind: ClusterKind = Field(
        default="local",
        description="serial: this process; local: processes on this machine; address: a dask cluster that runs "
        "already; slurm: jobs of a SLURM queue.",
    )
    workers: Integer | None = Field(
        default=None, ge=1, description="Worker processes (local: by default one a core) or SLURM jobs."
    )
    threads: Integer = Field(default=1, ge=1, description="Threads per worker.")
    memory: str | None = Field(default=None, description="Memory limit per worker, e.g. `2 GiB`.")
    address: str | None = Field(
        default=None, description="Scheduler to connect to: `tcp://...` or `tls://...`."
    )
    tls: TlsSection | None = Field(default=None, description="Files for a tls:// address.")
    queue: str | None = Field(default=None, description="SLURM partition.")
    account: str | None = Field(default=None, description="SLURM account.")
    walltime: str | None = Field(default=None, description="SLURM time limit per job, e.g. `01:00:00`.")
    options: Table[str] = Field(
        default_factory=dict, validate_default=True, description="Further options of sbatch: `{qos: high}`."
    )

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> Self:
        strangers = sorted(self.model_fields_set - _KEYS[self.kind] - {"kind"})
        if strangers:
            known = ", ".join(sorted(_KEYS[self.kind])) or "no further key"
            raise ValueError(f"{', '.join(strangers)} with kind {self.kind}|{known} for this kind of cluster")
        if self.kind == "address" and self.address is None:
            raise ValueError("kind address without an address|address: tcp://host:8786")
        return self
