"""The engines that do the work of a sweep, one record each: config, checks and help texts follow from it.

To add an engine, add its record here: one that is a cluster class of a dask package needs no code, another
one a file ``pipeline/executors/<name>.py`` with a function ``run`` (see `pipeline.executors.execute`). Its
settings are keys of the section ``cluster``, declared with their types in `pipeline.config.sections.cluster`.
This module imports nothing heavy, because ``beed --help`` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Where = Literal["this process", "this computer", "elsewhere"]

#: The extra that installs dask-jobqueue.
JOB_QUEUE = "jobqueue"
_ANYWHERE = ("workers", "options")
_JOB = ("workers", "threads", "memory", "dashboard", "options")
_QUEUE = (*_JOB, "queue", "account", "walltime")


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to have the work done.

    Attributes
    ----------
    name
        The `kind` of the section ``cluster``, and the name of its file in ``pipeline/executors``.
    help
        Who does the work: a piece of a sentence.
    where
        Where the workers run: memory is checked, and code compiled beforehand, on this computer only.
    settings
        Keys of the section ``cluster`` that it takes.
    cluster
        Where it is a cluster class of a dask package: its dotted path; ``""`` where the study names it.
    extra
        The extra of this distribution that installs the package.
    needs
        What must be there before it works: a sentence.
    """

    name: str
    help: str
    where: Where
    settings: tuple[str, ...] = ()
    cluster: str | None = None
    extra: str | None = None
    needs: str = ""

    @property
    def module(self) -> str:
        """Name of the module in ``pipeline/executors`` that runs it."""
        return self.name if self.cluster is None else "by_class"

    @property
    def is_queue(self) -> bool:
        """Whether workers are jobs of a batch system, described in dask-jobqueue's words."""
        return self.extra == JOB_QUEUE


def _queue(name: str, system: str, cluster: str, command: str, settings: tuple[str, ...] = _QUEUE) -> Engine:
    needs = f"{command} on this computer, and the site's section jobqueue.{name} of dask's configuration"
    return Engine(name, f"jobs of {system}", "elsewhere", settings, cluster, JOB_QUEUE, needs)


ENGINES: Mapping[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("serial", "this process", "this process"),
        Engine(
            "local",
            "processes on this computer",
            "this computer",
            ("workers", "threads", "memory", "dashboard"),
        ),
        Engine("address", "workers of a dask scheduler that runs already", "elsewhere", ("address", "tls")),
        _queue("slurm", "SLURM", "dask_jobqueue.SLURMCluster", "sbatch"),
        _queue("pbs", "PBS", "dask_jobqueue.PBSCluster", "qsub"),
        _queue("lsf", "LSF", "dask_jobqueue.LSFCluster", "bsub"),
        _queue("sge", "SGE", "dask_jobqueue.SGECluster", "qsub"),
        _queue("htcondor", "HTCondor", "dask_jobqueue.HTCondorCluster", "condor_submit", _JOB),
        _queue("oar", "OAR", "dask_jobqueue.OARCluster", "oarsub"),
        Engine(
            "ssh",
            "processes on other computers, reached by ssh",
            "elsewhere",
            ("threads", "memory", "options"),
            "distributed.SSHCluster",
            "ssh",
            "options.hosts (the scheduler's first, then one a worker), ssh keys that ask nothing, and the "
            "same Python at the same path or options.remote_python",
        ),
        Engine(
            "kubernetes",
            "pods of a Kubernetes cluster",
            "elsewhere",
            _ANYWHERE,
            "dask_kubernetes.operator.KubeCluster",
            "kubernetes",
            "the dask operator in the cluster, a kubeconfig, and options.image with this version of beed",
        ),
        Engine(
            "gateway",
            "workers of a Dask Gateway",
            "elsewhere",
            _ANYWHERE,
            "dask_gateway.GatewayCluster",
            "gateway",
            "options.address and options.auth, or dask's own configuration of the gateway",
        ),
        Engine(
            "cloud",
            "machines rented from a cloud",
            "elsewhere",
            ("class", *_ANYWHERE),
            "",
            "cloud",
            "class, e.g. dask_cloudprovider.aws.EC2Cluster, and the credentials of the provider",
        ),
        Engine(
            "class",
            "any dask cluster, by its class",
            "elsewhere",
            ("class", *_ANYWHERE),
            "",
            None,
            "class, the dotted path of a dask cluster, and the package that it is in",
        ),
    )
}


def describe_engines() -> str:
    """Name all engines with who does the work: ``serial (this process), ...``."""
    return ", ".join(f"{engine.name} ({engine.help})" for engine in ENGINES.values())


def engines_with(setting: str) -> tuple[str, ...]:
    """Name the engines that take a setting."""
    return tuple(engine.name for engine in ENGINES.values() if setting in engine.settings)
