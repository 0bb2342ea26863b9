"""A sweep of known length through the command line: 300 fits that only wait, in a process of its own."""

import os
import subprocess
import sys
import time

import numpy as np
import zarr
from places import ROOT, SUPPORT

from pipeline.status import Status
from pipeline.store.store import Store

MARKETS = 300
STUDY = """
study: slow
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts:
    price: {kind: index}
models:
  form: investment
  response: linear
fit: {starts: 6, polish: 6} # as long as the fits wait, by the rule of thumb that cuts tasks
store: runs
cluster: {kind: serial}
"""


def write_study(folder):
    """Write the study and its data into a folder; give its path."""
    lines = ["store,brand,week,sales,price"]
    for store in range(MARKETS):
        lines += [f"{store},{b},{w},{10 + w * b},{1 + (w + b) % 3}" for b in (0, 1) for w in range(4)]
    (folder / "panel.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(STUDY)
    (folder / "trace").mkdir()
    return folder / "study.yaml"


def environment(study, **more):
    paths = os.pathsep.join([str(SUPPORT), str(ROOT)])
    return os.environ | {"PYTHONPATH": paths, "SLOW_TRACE": str(study.parent / "trace")} | more


def start(study, *options, seconds="0.02"):
    """Start the command line in a process group of its own, like a shell does."""
    return subprocess.Popen(
        [sys.executable, str(SUPPORT / "slow_market.py"), str(study), *options],
        env=environment(study, SLOW_SECONDS=seconds, SLOW_CHUNK="8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd=study.parent,
    )


def wait_for(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def traced(study):
    return len(list((study.parent / "trace").iterdir()))


def committed(study):
    """Fits that a reader sees in the store."""
    try:
        store = Store.open(study.parent / "runs")
        (info,) = store.sweeps()
    except (OSError, ValueError):
        return 0
    path = f"sweeps/{info.name}/fits/investment-linear/status"
    status = zarr.open_array(store.session().store, path=path, mode="r")[...]
    return int(np.sum(status == Status.CONVERGED))


def finish(process, seconds=120):
    out, _ = process.communicate(timeout=seconds)
    return process.returncode, out


def run_to_the_end(study, *options):
    code, out = finish(start(study, *options, seconds="0"))
    assert code == 0, out
    assert committed(study) == MARKETS
    return out
