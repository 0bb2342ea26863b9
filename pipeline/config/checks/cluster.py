"""Checks of the section `cluster`: keys of another kind of cluster, addresses and files that are missing."""

import re
from pathlib import Path

from pipeline.config.engines import ENGINES
from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.yaml.findings import Findings
from pipeline.names import one_of
from pipeline.urls import has_user_info

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx|inproc)://")


def check_cluster(cluster: ClusterSection, findings: Findings) -> None:
    """Check the section `cluster`."""
    engine = ENGINES[cluster.kind]
    known = engine.settings
    named = {key.removesuffix("_") for key in cluster.model_fields_set}
    for key in sorted(named - {"kind", *known}):
        expected = f"with kind {cluster.kind} {one_of(sorted(known))}"
        findings.add(("cluster", key), f"the key {key!r} with kind {cluster.kind}", expected)
    if cluster.kind == "address":
        _check_address(cluster, findings)
    if engine.cluster == "" and (cluster.class_ is None or _CLASS.fullmatch(cluster.class_) is None):
        got = "nothing" if cluster.class_ is None else repr(cluster.class_)
        findings.add(("cluster", "class"), got, "the dotted path of a class, e.g. dask_jobqueue.PBSCluster")
    if cluster.kind == "ssh" and not isinstance(cluster.options.get("hosts"), list):
        expected = "a list of computers, the scheduler's first: [one, one, two]"
        findings.add(("cluster", "options", "hosts"), repr(cluster.options.get("hosts")), expected)


def _check_address(cluster: ClusterSection, findings: Findings) -> None:
    location = ("cluster", "address")
    if cluster.address is None:
        findings.add(location, "nothing", "the scheduler's address, e.g. tcp://host:8786")
    elif has_user_info(cluster.address):
        findings.add(
            location, "an address with a name or password in it", "tcp://host:port or tls://host:port"
        )
    elif _ADDRESS.match(cluster.address) is None:
        findings.add(location, repr(cluster.address), "tcp://host:port or tls://host:port")
    elif cluster.address.startswith("tls://") and cluster.tls is None:
        expected = "ca, certificate and key for an address with tls://"
        findings.add(("cluster", "tls"), "nothing", expected)
    if cluster.tls is not None:
        for key in ("ca", "certificate", "key"):
            path = getattr(cluster.tls, key)
            if not Path(path).is_file():
                findings.add(("cluster", "tls", key), f"{path!r}, which is no file", "a PEM file")
