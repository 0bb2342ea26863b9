"""Coordinators: what is committed stays, nobody overwrites anybody, sweeps come to an end."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from pipeline.errors import BusyError, StoreConflictError, StoreError, StoreNotFoundError
from pipeline.store.format.layout import SweepState
from pipeline.store.locks import refs_locked
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk
from pipeline.store.writing.commit import transact

MODEL = "investment-mnl"


def commit(tiny, model, markets):
    fork = write_chunk(tiny.sweep.fork(), model, markets, tiny.arrays(model, markets))
    return tiny.sweep.merge_and_commit([fork])


def fits(tiny, model=MODEL):
    return zarr.open_group(
        tiny.store.session().store, path=f"sweeps/{tiny.sweep.name}/fits/{model}", mode="r"
    )


def test_an_unfinished_sweep_is_not_compacted(tiny):
    commit(tiny, MODEL, slice(0, 3))
    with pytest.raises(StoreError, match="investment-mnl has 2 chunks"):
        tiny.sweep.compact()


def test_compaction_changes_chunks_and_nothing_else(tiny):
    tiny.fill()
    session = tiny.store.session()
    path = f"sweeps/{tiny.sweep.name}"
    before = xr.open_datatree(session.store, engine="zarr", group=path, consolidated=False).load()
    chunks = fits(tiny)["value"].chunks
    assert tiny.sweep.compact() is True
    assert tiny.sweep.compact() is False
    session = tiny.store.session()
    after = xr.open_datatree(session.store, engine="zarr", group=path, consolidated=False).load()
    for group in ("fits/investment-mnl", "fits/scaled-hill", "trajectories/scaled-hill", "validation"):
        xr.testing.assert_identical(before[group].to_dataset(), after[group].to_dataset())
    assert chunks[0] == 3
    assert fits(tiny)["value"].chunks[0] == 7
    assert not any(tiny.sweep.pending(name) for name in (MODEL, "scaled-hill", "last"))


def test_states_are_recorded(tiny):
    tiny.sweep.set_state(SweepState.RUNNING, coordinator="here")
    assert tiny.sweep.info.state is SweepState.RUNNING
    assert tiny.sweep.info.attributes["coordinator"] == "here"
    with pytest.raises(ValueError, match="finished"):
        tiny.sweep.set_state("finished")


def test_tags_never_move(tiny):
    first = tiny.store.tag("2024-01-31")
    commit(tiny, MODEL, slice(0, 3))
    with pytest.raises(StoreConflictError, match="tags never move"):
        tiny.store.tag("2024-01-31")
    assert tiny.store.session(tag="2024-01-31").snapshot_id == first
    with pytest.raises(StoreNotFoundError, match="its tags are: 2024-01-31"):
        tiny.store.session(tag="2024-02-29")


def test_a_commit_waits_for_the_lock(tiny):
    fork = write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    committing = threading.Thread(target=tiny.sweep.merge_and_commit, args=([fork],))
    with refs_locked(Path(tiny.path)):
        committing.start()
        time.sleep(0.3)
        assert committing.is_alive(), "a commit went past the lock"
        assert len(tiny.sweep.pending(MODEL)) == 3
    committing.join(20)
    assert len(tiny.sweep.pending(MODEL)) == 2


def test_work_is_found_where_a_loop_runs_already(tiny):
    async def notebook():
        return tiny.sweep.pending(MODEL)

    assert asyncio.run(notebook()) == tiny.sweep.pending(MODEL) == (slice(0, 3), slice(3, 6), slice(6, 7))


def test_changes_are_applied_again_when_others_were_faster(tiny):
    """As on an object store, where there is no lock: the change must land on top of the other one."""
    attempts = []

    def change(session):
        attempts.append(session.snapshot_id)
        if len(attempts) == 1:
            late = tiny.store._repository.writable_session("main")
            group = zarr.open_group(late.store, path=f"sweeps/{tiny.sweep.name}", mode="r+")
            group.attrs["other"] = True
            late.commit("faster")
        zarr.open_group(session.store, path=f"sweeps/{tiny.sweep.name}", mode="r+").attrs["mine"] = True

    transact(tiny.store.location, tiny.store._repository, change, "slower")
    assert len(attempts) == 2
    assert {"other", "mine"} <= set(tiny.sweep.info.attributes)


COMMITTER = """
import sys
import numpy as np
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk

path, first, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = Store.open(path)
sweep = store.sweep(store.sweeps()[0].name)
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, 300, step):
    error = np.full((1, 1, 1, 1), float(start))
    fork = write_chunk(sweep.fork(), "last", slice(start, start + 1), {"error": error})
    sweep.merge_and_commit([fork])
    print(start, flush=True)
"""


@pytest.fixture
def wide(tmp_path):
    """A store whose sweep has 300 chunks for a baseline, and a way to start processes that commit them."""
    from pipeline.store.format.layout import ModelLayout, ParameterLabel, SweepLayout

    path = tmp_path / "wide"
    store = Store.open_or_create(path)
    markets = np.arange(300)
    panel = xr.Dataset({"sales": (("market", "firm", "time"), np.ones((300, 2, 3)))}, {"market": markets})
    store.write_panel("d", [panel], markets)
    layout = SweepLayout(
        markets,
        np.arange(2),
        np.arange(3),
        (ModelLayout("m", (ParameterLabel("b"),)),),
        baselines=("last",),
        metrics=("rmse",),
        chunk=1,
    )
    sweep = store.create_sweep(study="wide", study_text="", study_hash="1", data_hash="d", layout=layout)
    running = []

    def start(*arguments):
        command = [sys.executable, "-c", COMMITTER, str(path), *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield sweep, start
    for process in running:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def done(sweep):
    return set(range(300)) - {markets.start for markets in sweep.pending("last")}


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_that_commit_at_once_lose_nothing(wide):
    sweep, start = wide
    processes = [start(0, 12), start(1, 12)]
    for process in processes:
        go(process)
    acknowledged = {int(line) for process in processes for line in process.stdout}
    assert acknowledged == {*range(0, 300, 12), *range(1, 300, 12)}
    assert done(sweep) == acknowledged


def test_a_kill_loses_nothing_that_was_acknowledged(wide):
    sweep, start = wide
    acknowledged: set[int] = set()
    for attempt in range(3):
        process = start(attempt * 100, 1)
        go(process)
        acknowledged |= {int(process.stdout.readline()) for _ in range(3 + 4 * attempt)}
        os.kill(process.pid, signal.SIGKILL)
        acknowledged |= {int(line) for line in process.stdout}
        assert acknowledged <= done(sweep)
    fork = write_chunk(sweep.fork(), "last", slice(299, 300), {"error": np.zeros((1, 1, 1, 1))})
    sweep.merge_and_commit([fork])
    values = zarr.open_array(
        sweep._repository.readonly_session("main").store, path=f"sweeps/{sweep.name}/validation/error"
    )
    for place in acknowledged:
        assert values[place, 0, 1, 0, 0] == place


def test_only_one_coordinator_holds_a_sweep(tiny):
    other = Store.open(tiny.path).sweep(tiny.sweep.name)
    with tiny.sweep.hold(), pytest.raises(BusyError, match=f"process {os.getpid()} on"), other.hold():
        pass
    with other.hold():
        pass


def test_a_full_disk_is_said_and_the_commit_can_be_tried_again(tiny):
    """No file may grow past its limit: what the kernel answers is the same as on a full disk."""
    code = f"""
import resource, signal
import numpy as np
from pipeline.errors import StoreError
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk

store = Store.open({tiny.path!r})
sweep = store.sweep(store.sweeps()[0].name)
fork = write_chunk(sweep.fork(), "last", slice(0, 3), {{"error": np.ones((3, 2, 1, 2))}})
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
try:
    sweep.merge_and_commit([fork])
except StoreError as error:
    message = str(error)
else:
    raise SystemExit("the commit should have failed")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(message)
sweep.merge_and_commit([fork])
"""
    assert resource.RLIMIT_FSIZE is not None
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "could not be committed" in ended.stdout
    assert tiny.sweep.pending("last") == (slice(3, 6), slice(6, 7))
