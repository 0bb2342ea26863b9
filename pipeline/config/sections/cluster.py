"""The section `cluster` of a study: where the computation runs. It changes no number."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, model_validator

from pipeline.config.engines import ENGINES
from pipeline.config.place import Location
from pipeline.config.sections.location import resolve_location
from pipeline.config.sections.types import Count, Flag, Section, Table, optional_table, refusal

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


class WorkersRange(Section):
    """A number of workers that follows the work."""

    min: Count = Field(default=1, description="Workers that are always there.")
    max: Count = Field(description="Workers while there is work for them.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise refusal(f"min {self.min} above max {self.max}", "min up to max")
        return self


class ClusterSection(Section):
    """Where the computation runs; which engine takes which key: `pipeline.config.engines`."""

    # ``class`` is no name that Python takes.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    kind: ClusterKind = Field(
        default="local",
        description="; ".join(f"{engine.name}: {engine.help}" for engine in ENGINES.values()) + ".",
    )
    class_: str | None = Field(
        default=None,
        alias="class",
        description="Dotted path of a dask cluster, e.g. `dask_kubernetes.operator.KubeCluster`; `options` "
        "are its arguments.",
    )
    workers: Count | WorkersRange | None = Field(
        default=None,
        description="Worker processes (local: by default one a core), jobs or pods; `{min: 1, max: 100}`: as "
        "many as there is work for.",
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
    queue: str | None = Field(default=None, description="Queue of the batch system (SLURM: partition).")
    account: str | None = Field(default=None, description="Account or project that is charged for jobs.")
    walltime: str | None = Field(default=None, description="Time limit of a job, e.g. `01:00:00`.")
    options: Table[Any] = optional_table(
        "SLURM: further options of sbatch, `{qos: high}`; else: arguments of the cluster's class, "
        "`{image: beed}`."
    )

    @model_validator(mode="before")
    @classmethod
    def _class_is_a_kind(cls, content: Any) -> Any:
        if isinstance(content, Mapping) and "class" in content and "kind" not in content:
            return {"kind": "class", **content}
        return content

    @property
    def most_workers(self) -> int | None:
        """The number of workers, the largest where it follows the work; None where it is not said."""
        return self.workers.max if isinstance(self.workers, WorkersRange) else self.workers
