"""Clusters by their class: what they are told, what is refused before work, and that jobs run on them.

Batch systems are described by dask-jobqueue itself, and SLURM and ssh run for real where they are (see
`tests/support/one_node.sh`). Kubernetes, gateways and clouds are stood for by local clusters that take the
arguments of the classes they stand for.
"""

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from distributed import LocalCluster
from engine_jobs import double, slow_process
from places import ROOT, SUPPORT
from slow_study import MARKETS, committed, finish, start

from pipeline.config.engines import ENGINES
from pipeline.config.load import load_study
from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError, ConfigError
from pipeline.executors.by_class import arguments, find_class
from pipeline.executors.execute import execute, refuse_unusable
from pipeline.executors.jobs import Hooks
from pipeline.sweep.coordinator import run_study

QUEUES = {name: engine for name, engine in ENGINES.items() if engine.is_queue}


class ForeignCluster(LocalCluster):
    """A local cluster that starts empty and remembers what it was asked for."""

    made: ClassVar[list] = []

    def __init__(self, **asked):
        self.asked, self.wanted = asked, []
        ForeignCluster.made.append(self)
        anywhere = {"dashboard_address": "127.0.0.1:0", "dashboard": False}
        super().__init__(n_workers=0, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=anywhere)

    def scale(self, n=0, **more):
        self.wanted.append(n)
        return super().scale(n, **more)

    def adapt(self, **between):
        self.wanted.append(between)
        return super().adapt(interval="100 ms", **between)


class KubeCluster(ForeignCluster):
    """Arguments of dask_kubernetes.operator.KubeCluster 2026.3, some of them."""

    def __init__(self, *, name=None, namespace=None, image=None, n_workers=3, env=None, **kwargs):
        super().__init__(name=name, namespace=namespace, image=image, env=env, **kwargs)


class GatewayCluster(ForeignCluster):
    """Arguments of dask_gateway.GatewayCluster 2026.3, some of them."""

    def __init__(self, address=None, proxy_address=None, public_address=None, auth=None, **kwargs):
        super().__init__(address=address, auth=auth, **kwargs)


class EC2Cluster(ForeignCluster):
    """Arguments of dask_cloudprovider.aws.EC2Cluster 2025.9, some of them."""

    def __init__(self, region=None, instance_type=None, docker_image=None, **kwargs):
        super().__init__(region=region, instance_type=instance_type, docker_image=docker_image, **kwargs)


@pytest.fixture
def packages(monkeypatch):
    """Stand for packages that are not installed here."""
    ForeignCluster.made.clear()
    for path, cluster in (
        ("dask_kubernetes.operator", KubeCluster),
        ("dask_gateway", GatewayCluster),
        ("dask_cloudprovider.aws", EC2Cluster),
    ):
        parts = path.split(".")
        for depth in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
        setattr(sys.modules[path], cluster.__name__, cluster)


def run(jobs, work, settings):
    outcomes = []
    assert execute(jobs, work, settings, Hooks(on_outcome=outcomes.append))
    return [outcome.result for outcome in outcomes]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("section", "asked"),
    [
        ({"kind": "kubernetes", "options": {"image": "beed:1", "env": {"A": "b"}}}, {"image": "beed:1"}),
        ({"kind": "gateway", "options": {"address": "https://gate", "worker_cores": 2}}, {"worker_cores": 2}),
        (
            {
                "kind": "cloud",
                "class": "dask_cloudprovider.aws.EC2Cluster",
                "options": {"region": "eu-west-1"},
            },
            {"region": "eu-west-1"},
        ),
        ({"class": "dask_kubernetes.operator.KubeCluster", "options": {"name": "me"}}, {"name": "me"}),
    ],
)
def test_jobs_run_on_a_cluster_that_is_named_by_its_class(packages, section, asked):
    settings = ClusterSection.model_validate(section | {"workers": 1})
    refuse_unusable(settings)
    assert not ForeignCluster.made  # looked at, not started
    assert sorted(run(range(5), double, settings)) == [0, 2, 4, 6, 8]
    (cluster,) = ForeignCluster.made
    assert cluster.asked.items() >= asked.items()
    assert cluster.wanted[0] == 1


@pytest.mark.cluster
def test_workers_follow_the_work(packages):
    """One worker is there; that two are wanted is seen only when there is work for two."""
    section = {"kind": "kubernetes", "workers": {"min": 1, "max": 2}}
    pids = run(range(8), slow_process, ClusterSection.model_validate(section))
    assert ForeignCluster.made[0].wanted[0] == {"minimum": 1, "maximum": 2}
    assert len(pids) == 8
    assert len(set(pids)) == 2


@pytest.mark.cluster
def test_workers_of_this_computer_follow_the_work():
    local = ClusterSection.model_validate({"kind": "local", "workers": {"min": 1, "max": 2}})
    assert len(set(run(range(8), slow_process, local))) == 2


@pytest.mark.parametrize("kind", QUEUES)
def test_jobs_of_a_batch_system_are_described_as_the_study_says(kind):
    said = {"threads": 3, "memory": "5 GiB", "options": {}}
    if kind == "htcondor":
        said["options"] = {"disk": "1 GiB"}
    else:
        said |= {"queue": "long", "account": "marketing", "walltime": "00:42:00"}
    if kind == "oar":
        said["options"] = {"memory_per_core_property_name": "memcore"}
    if kind == "slurm":
        said["options"] = {"qos": "high", "nodes": 1, "exclusive": ""}
    settings = ClusterSection.model_validate({"kind": kind, "workers": 4, **said})
    refuse_unusable(settings)
    # A job of a class is described without its batch system, and without starting anything.
    job = find_class(settings).job_cls
    options = {name: value for name, value in arguments(settings).items() if name != "scheduler_options"}
    script = job(scheduler="tcp://here:1", name="worker", **options).job_script()
    assert "--nthreads 3" in script
    assert "4.66GiB" in script or "5.00GiB" in script
    for text in ("long", "marketing", "42") if kind != "htcondor" else ("RequestDisk",):
        assert text in script
    if kind == "slurm":
        assert "#SBATCH --qos=high\n#SBATCH --nodes=1\n#SBATCH --exclusive\n" in script


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"kind": "kubernetes"}, r"needs dask_kubernetes, .*pip install beed\[kubernetes\]"),
        ({"class": "nowhere.at_all.Cluster"}, r"needs nowhere, .*the package that cluster.class is in"),
        ({"class": "distributed.Klaster"}, "There is no Klaster in distributed"),
        ({"class": "distributed.__version__"}, "is no class: str"),
        (
            {"class": "distributed.SpecCluster", "options": {"machines": 4}},
            "has no option machines .*workers",
        ),
    ],
)
def test_a_cluster_that_cannot_be_is_refused_before_any_work(study, section, sentence):
    if "kubernetes" in section.values():
        try:
            import dask_kubernetes  # noqa: F401

            pytest.skip("dask-kubernetes is installed")
        except ImportError:
            pass
    loaded = load_study(study)
    loaded = loaded.model_copy(update={"cluster": ClusterSection.model_validate(section)})
    with pytest.raises(ClusterError, match=sentence):
        run_study(loaded)
    assert not (study.parent / "runs").exists()


def test_what_a_foreign_class_meets_is_a_sentence():
    settings = ClusterSection.model_validate({"class": "distributed.SSHCluster", "options": {"hosts": []}})
    with pytest.raises(ClusterError, match=r"distributed.SSHCluster cannot be started: \w+"):
        execute([1], double, settings, Hooks(on_outcome=print))


@pytest.mark.parametrize(
    ("section", "refusal"),
    [
        ("{kind: cloud}", "cluster.class"),
        ("{class: Cluster}", "the dotted path of a class"),
        ("{kind: ssh}", "a list of computers"),
        ("{kind: htcondor, queue: long}", "the key 'queue' with kind htcondor"),
        ("{kind: local, class: a.B}", "the key 'class' with kind local"),
        ("{kind: local, workers: {min: 3, max: 2}}", "min up to max"),
    ],
)
def test_sections_that_do_not_go_together_are_refused(study, section, refusal):
    with pytest.raises(ConfigError, match=refusal):
        load_study(study, (f"cluster={section}",))


@pytest.fixture
def ssh_server(study):
    """An ssh server on loopback, with keys of its own."""
    if not Path("/usr/sbin/sshd").exists():
        pytest.skip("sshd is not installed")
    pytest.importorskip("asyncssh")
    folder, port = study.parent, 21000 + os.getpid() % 20000
    for key in ("host", "own"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True)
    path = os.pathsep.join([str(SUPPORT), str(ROOT)])
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/own.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nSetEnv PYTHONPATH={path} SLOW_CHUNK=8\n"
    )
    with (folder / "sshd.log").open("w") as log:
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
        server = subprocess.Popen(command, stderr=log)
    yield {
        "port": port,
        "client_keys": [str(folder / "own")],
        "known_hosts": None,
        "username": getpass.getuser(),
    }
    server.terminate()
    server.wait()


@pytest.mark.cluster
@pytest.mark.long
def test_computers_reached_by_ssh_do_the_work(study, ssh_server):
    options = {"hosts": ["127.0.0.1"] * 3, "connect_options": ssh_server}
    section = {"kind": "ssh", "memory": "1 GiB", "options": options}
    text = study.read_text().replace("{kind: serial}", repr(section).replace("None", "null"))
    study.write_text(text)
    code, out = finish(start(study, seconds="0"), 180)
    assert code == 0, out
    assert committed(study) == MARKETS


@pytest.mark.slurm
@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "{min: 1, max: 2}"])
def test_slurm_jobs_do_the_work(study, monkeypatch, workers):
    idle = ["sinfo", "--noheader", "--states=idle"]
    if shutil.which("sbatch") is None or not subprocess.run(idle, capture_output=True).stdout:
        pytest.skip("no idle SLURM node here (tests/support/one_node.sh makes one)")
    monkeypatch.setenv("DASK_JOBQUEUE__SLURM__INTERFACE", "lo")
    section = f"cluster={{kind: slurm, workers: {workers}, memory: 1 GiB, walltime: '00:10:00'}}"
    code, out = finish(start(study, "--set", section, seconds="0"), 180)
    assert code == 0, out
    assert committed(study) == MARKETS
