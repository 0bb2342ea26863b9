import gc
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.panel import spool as panel_spool
from pipeline.panel.spool import BUCKET, Buckets, Runs, SpoolError

DTYPE = np.dtype([("market", np.int32), ("value", np.float64)])


def records(markets):
    rows = np.empty(len(markets), dtype=DTYPE)
    rows["market"], rows["value"] = markets, np.arange(len(markets))
    return rows


def open_handles():
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


def test_buckets_gather_what_belongs_together_in_order_of_arrival():
    with Buckets(DTYPE) as buckets:
        buckets.append(records([0, 3 * BUCKET, 1, 0]))
        buckets.append(records([]))
        buckets.append(records([3 * BUCKET + 1, 0]))
        first, second = list(buckets)
    assert first["market"].tolist() == [0, 1, 0, 0]
    assert first["value"].tolist() == [0, 2, 3, 1]
    assert second["market"].tolist() == [3 * BUCKET, 3 * BUCKET + 1]


def test_buckets_leave_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(panel_spool.tempfile, "tempdir", str(tmp_path))
    with Buckets(DTYPE) as buckets:
        buckets.append(records([0, 1]))
        assert len(list(tmp_path.rglob("*"))) == 2
    assert list(tmp_path.iterdir()) == []


def test_runs_give_back_each_market():
    runs = Runs(DTYPE)
    runs.append(7, records([7, 7]))
    runs.append(2, records([2]))
    runs.finish()
    assert runs.read(2)["market"].tolist() == [2]
    assert runs.read(7)["value"].tolist() == [0, 1]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_runs_are_given_back_with_their_owner():
    gc.collect()
    before = open_handles()
    runs = Runs(DTYPE)
    assert open_handles() == before + 1
    del runs
    gc.collect()
    assert open_handles() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_explained():
    runs = Runs(DTYPE)
    runs._file.close()
    runs._file = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115
    try:
        with pytest.raises(SpoolError, match=r"No space left on device.*TMPDIR"):
            runs.append(0, records([0]))
    finally:
        runs._file.close()
