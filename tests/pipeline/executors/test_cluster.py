"""Real clusters: separate programs, TLS, kill -9, Ctrl-C, SLURM.

The command line runs as a process of its own with fits that only wait (``slow_market.py``), so that kills
fall into the middle of a sweep of known length.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from places import SUPPORT
from slow_study import MARKETS, committed, environment, finish, run_to_the_end, start, traced, wait_for

from pipeline.cli.studies import choose_cluster
from pipeline.config.load import load_study
from pipeline.errors import ClusterError, ExitCode
from pipeline.store.format.layout import SweepState
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("cluster", ["serial", "local"])
def test_ctrl_c_leaves_within_seconds_and_keeps_what_is_finished(study, cluster):
    process = start(study, "--cluster", cluster)
    wait_for(lambda: traced(study) > 40)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: coordinator and workers
    began = time.monotonic()
    code, out = finish(process)
    assert code == ExitCode.INTERRUPTED, out
    assert time.monotonic() - began < 15
    assert "Run again to go on" in out
    kept = committed(study)
    assert kept >= 40
    out = run_to_the_end(study)
    assert f"{kept} of {MARKETS} fits kept" in out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGHUP, ExitCode.HANGUP)]
)
def test_batch_systems_and_closed_terminals_end_it_in_order_and_soon(study, number, code):
    process = start(study)
    wait_for(lambda: traced(study) > 40)
    process.send_signal(number)
    began = time.monotonic()
    ended, out = finish(process)
    assert ended == code, out
    assert time.monotonic() - began < 5
    assert "everything finished has been kept" in out
    assert "Traceback" not in out
    assert committed(study) >= 40


@pytest.mark.parametrize("cluster", ["serial", "local"])
def test_ctrl_c_twice_keeps_what_is_finished_and_shows_no_traceback(study, cluster):
    """The second one does not wait for the fits under way, which take half a minute here."""
    process = start(study, "--cluster", cluster, seconds="4")
    wait_for(lambda: traced(study) > 1)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.5)
    began = time.monotonic()
    code, out = finish(process)
    assert code == ExitCode.INTERRUPTED, out
    assert time.monotonic() - began < 10
    assert "Traceback" not in out
    assert "stopped by Ctrl-C" in out


@pytest.mark.parametrize("cluster", ["serial", "local"])
def test_killed_coordinator_loses_only_the_last_seconds(study, cluster):
    process = start(study, "--cluster", cluster)
    wait_for(lambda: committed(study) > 0)
    workers = psutil.Process(process.pid).children(recursive=True)
    seen = committed(study)
    process.kill()
    process.wait()
    process.stdout.close()
    kept = committed(study)
    assert seen <= kept < MARKETS
    # Workers of a dead coordinator must not go on for ever.
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    out = run_to_the_end(study)
    assert f"{kept} of {MARKETS} fits kept" in out


def test_killed_worker_costs_nothing(study):
    process = start(study, "--cluster", "local", "--workers", "2")
    wait_for(lambda: traced(study) > 40)
    pids = {
        int(path.read_text().split()[0]) for path in (study.parent / "trace").iterdir() if path.read_text()
    }
    os.kill(pids.pop(), signal.SIGKILL)
    code, out = finish(process)
    assert code == 0, out
    assert committed(study) == MARKETS


def test_two_runs_at_once_and_a_third_that_is_refused(study):
    """Another study on the same store runs beside; the same study does not."""
    first = start(study)
    wait_for(lambda: traced(study) > 20)
    code, out = finish(start(study))
    assert code == ExitCode.BUSY, out
    other = start(study, "--set", "seed=5")
    assert finish(other)[0] == 0
    assert finish(first)[0] == 0
    infos = Store.open(study.parent / "runs").sweeps()
    assert [info.state for info in infos] == [SweepState.DONE, SweepState.DONE]


def certificates(folder):
    """Make an authority and one certificate for 127.0.0.1, by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test",
        "req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=127.0.0.1",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 2 -extfile san",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


class Programs:
    """`dask scheduler` and `dask worker` as separate programs."""

    def __init__(self, study, tls):
        self.study, self.tls, self.running = study, tls, []
        self.folder = study.parent
        port = 20000 + os.getpid() % 20000
        self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
        self.program("scheduler", "--port", str(port), "--host", self.address, "--dashboard-address", ":0")

    def program(self, kind, *options):
        if self.tls:
            options += ("--tls-ca-file", "ca.pem", "--tls-cert", "own.pem", "--tls-key", "own.key")
        with (self.folder / f"{kind}-{len(self.running)}.log").open("w") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("dask")), kind, *options],
                env=environment(self.study),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.running.append(process)
        return process

    def worker(self):
        return self.program("worker", self.address, "--nthreads", "1")

    def stop(self):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def programs(study):
    made = []

    def make(tls=False):
        made.append(Programs(study, tls))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_scheduler_and_workers_as_programs_with_tls(study, programs):
    certificates(study.parent)
    cluster = programs(tls=True)
    cluster.worker()
    cluster.worker()
    tls = "{ca: ca.pem, certificate: own.pem, key: own.key}"
    section = f"cluster={{kind: address, address: '{cluster.address}', tls: {tls}}}"
    code, out = finish(start(study, "--set", section, seconds="0.005"))
    assert code == 0, out
    assert committed(study) == MARKETS
    # Without certificates nobody gets in.
    code, out = finish(start(study, "--cluster", cluster.address, "--set", "seed=9"))
    assert code == ExitCode.CLUSTER, out
    assert "certificate" in out


def test_worker_program_killed_and_replaced(study, programs):
    cluster = programs()
    first = cluster.worker()
    process = start(study, "--cluster", cluster.address, seconds="0.01")
    wait_for(lambda: traced(study) > 40)
    for child in psutil.Process(first.pid).children(recursive=True):
        child.kill()
    first.kill()
    first.wait()
    cluster.worker()
    code, out = finish(process)
    assert code == 0, out
    assert committed(study) == MARKETS


def test_scheduler_lost_in_the_middle_keeps_what_was_done(study, programs):
    cluster = programs()
    cluster.worker()
    process = start(study, "--cluster", cluster.address)
    wait_for(lambda: traced(study) > 60)  # some tasks of 8 markets have come back
    cluster.running[0].kill()
    code, out = finish(process)
    assert code == ExitCode.CLUSTER, out
    assert "run" in out.lower()
    kept = committed(study)
    assert kept > 0
    assert f"{kept} of {MARKETS} fits kept" in run_to_the_end(study)


def test_a_scheduler_without_workers_is_a_sentence(study, programs, monkeypatch):
    monkeypatch.setattr("pipeline.executors.address.TIMEOUT", 3.0)
    monkeypatch.syspath_prepend(SUPPORT)
    import slow_market

    cluster = programs()
    loaded = load_study(study)
    loaded = loaded.model_copy(update={"cluster": choose_cluster(loaded.cluster, cluster.address, None)})
    host, port = cluster.address.removeprefix("tcp://").split(":")

    def listening():
        with socket.socket() as connection:
            return connection.connect_ex((host, int(port))) == 0

    wait_for(listening)
    with pytest.raises(ClusterError, match=r"No dask worker .* Start some with 'dask worker"):
        run_study(loaded, calibrator=slow_market.CALIBRATOR)
