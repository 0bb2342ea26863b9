"""Keys that open an object store, and secrets in addresses, are in no store, no log and no message."""

import logging
import pickle

import pytest
import slow_market
import zarr
from command_line import beed
from s3 import s3_bucket

from pipeline.store.store import Store

KEY, SECRET, PASSWORD = "AKIAPLANTEDKEY", "planted/secret+of+the+test", "planted-password"
STUDY = """
study: small
data: {file: panel.csv, firm: brand, time: week, sales: sales, efforts: [price]}
models: {response: linear}
fit: {starts: 3}
store: s3://bucket/runs
cluster: {kind: serial}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sweep.coordinator.default_calibrator", lambda: slow_market.CALIBRATOR)
    rows = [f"{brand},{week},{10 + week % 3},{1 + week % 2}" for brand in "AB" for week in range(6)]
    (tmp_path / "panel.csv").write_text("\n".join(["brand,week,sales,price", *rows]))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def attributes(node):
    """Give all attributes below a group as text."""
    found = [repr(dict(node.attrs))]
    if isinstance(node, zarr.Group):
        for _, member in node.members():
            found += attributes(member)
    return found


def test_planted_keys_are_nowhere(study, monkeypatch, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with s3_bucket(monkeypatch, "bucket") as client:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        said = [*beed(capsys, "run", study)[1:], *beed(capsys, "show", "s3://bucket/runs")[1:]]
        said += beed(capsys, "runs", f"s3://user:{PASSWORD}@bucket/runs")[1:]
        said += beed(capsys, "run", study, "--set", f"store=s3://user:{PASSWORD}@bucket/runs")[1:]
        said += beed(capsys, "run", study, "--cluster", f"tcp://user:{PASSWORD}@host:8786")[1:]
        store = Store.open("s3://bucket/runs")
        kept = attributes(zarr.open_group(store.session().store, mode="r"))
        (info,) = store.sweeps()
        fork = pickle.dumps(store.sweep(info.name).fork())
        objects = client.list_objects_v2(Bucket="bucket")["Contents"]
        raw = [client.get_object(Bucket="bucket", Key=one["Key"])["Body"].read() for one in objects]
    assert "small" in "".join(kept), "the study is among the attributes"
    # What the client of this test logs of its own requests is not ours.
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("boto")]
    for planted in (SECRET, PASSWORD, KEY):
        assert not [text for text in (*said, *kept, *logged) if planted in text]
        assert not [data for data in (*raw, fork) if planted.encode() in data]
