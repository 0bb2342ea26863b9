"""What dask says on the way is in a file, not on the terminal; workers that die early are replaced."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from places import ROOT

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors import local
from pipeline.executors.dask_client import prepare_workers
from pipeline.executors.dask_logs import logs_in_file
from pipeline.executors.jobs import Hooks
from pipeline.executors.own_scheduler import scheduler_options


def test_a_file_is_named_when_something_is_in_it(capfd):
    notes = []
    with logs_in_file(notes.append) as path:
        logging.getLogger("distributed.nanny").warning("Restarting worker")
        logging.getLogger("distributed.core").info("nothing to see")
    (note,) = notes
    assert str(path) in note
    (line,) = path.read_text().splitlines()
    assert line.endswith("distributed.nanny WARNING: Restarting worker")
    assert capfd.readouterr() == ("", "")
    path.unlink()


def test_a_file_without_anything_is_gone():
    notes = []
    handlers = list(logging.getLogger("distributed").handlers)
    with logs_in_file(notes.append) as path:
        assert path.exists()
    assert notes == []
    assert not path.exists()
    assert logging.getLogger("distributed").handlers == handlers


def test_workers_that_cannot_be_started_are_a_sentence(monkeypatch):
    attempts = []

    def fail(**options):
        attempts.append(options)
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(local, "LocalCluster", fail)
    with pytest.raises(ClusterError, match=r"they died 3 times while starting.*fewer --workers"):
        local.start_cluster(ClusterSection(kind="local", workers=1))
    assert len(attempts) == local.ATTEMPTS
    for options in attempts:
        assert options["security"] is True
        assert options["scheduler_kwargs"]["dashboard"] is False


def test_workers_that_die_while_they_are_prepared_are_not_blamed_on_versions(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def die(_):
        raise OSError("connection closed")

    with pytest.raises(ClusterError, match="die while they are prepared, 3 times"):
        prepare_workers(
            SimpleNamespace(register_plugin=die), Hooks(on_outcome=print), ignore_interrupts=False
        )

    answers = iter([OSError("connection closed"), None])

    def die_once(_):
        if (answer := next(answers)) is not None:
            raise answer

    prepare_workers(
        SimpleNamespace(register_plugin=die_once), Hooks(on_outcome=print), ignore_interrupts=False
    )


def test_a_dashboard_is_shown_to_this_computer_when_asked_for():
    for asked in (False, True):
        options = scheduler_options(ClusterSection(kind="local", dashboard=asked))
        assert options == {"dashboard_address": "127.0.0.1:0", "dashboard": asked}


@pytest.mark.cluster
def test_a_worker_killed_while_starting_costs_nothing_but_time():
    """The first two worker processes are killed before they have imported anything."""
    text = """
from pipeline.config.sections.cluster import ClusterSection
from pipeline.executors.execute import execute
from pipeline.executors.jobs import Hooks
if __name__ == "__main__":
    print("begin", flush=True)
    results, notes = [], []
    hooks = Hooks(on_outcome=lambda outcome: results.append(outcome.result), on_note=notes.append)
    finished = execute(range(8), abs, ClusterSection(kind="local", workers=2), hooks)
    print(finished, sorted(results), *notes, flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    killed = []

    def kill():
        while len(killed) < 2 and process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                if child.pid not in killed and "spawn_main" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
                    killed.append(child.pid)
                    break
            time.sleep(0.02)

    assert process.stdout.readline() == "begin\n"
    killer = threading.Thread(target=kill)
    killer.start()
    out, err = process.communicate(timeout=300)
    killer.join()
    assert len(killed) == 2
    assert out.startswith("True [0, 1, 2, 3, 4, 5, 6, 7]"), err
    assert err == "", "the terminal is left alone"
