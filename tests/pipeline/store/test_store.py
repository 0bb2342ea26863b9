"""Opening and creating: the same study is the same sweep, other things are never overwritten."""

import zipfile

import numpy as np
import pytest
import zarr
from places import STORES

from pipeline.errors import StoreConflictError, StoreError, StoreFormatError, StoreNotFoundError
from pipeline.store.format.layout import SweepState
from pipeline.store.read import open_panel
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk
from pipeline.store.writing.commit import transact

MODEL = "investment-mnl"
OLD_STORES = sorted(STORES.glob("format-*.zip"))


def commit(tiny, model, markets):
    fork = write_chunk(tiny.sweep.fork(), model, markets, tiny.arrays(model, markets))
    return tiny.sweep.merge_and_commit([fork])


def fits(tiny, model=MODEL):
    return zarr.open_group(
        tiny.store.session().store, path=f"sweeps/{tiny.sweep.name}/fits/{model}", mode="r"
    )


def test_a_new_sweep_has_everything_to_do(tiny):
    info = tiny.sweep.info
    assert (info.study, info.state, info.n_fits) == ("tiny study", SweepState.CREATED, 2 * 7 * 2)
    assert info.attributes["versions"]["icechunk"]
    expected = (slice(0, 3), slice(3, 6), slice(6, 7))
    assert all(tiny.sweep.pending(name) == expected for name in (MODEL, "scaled-hill", "last"))


def test_the_same_study_opens_the_same_sweep(tiny):
    before = commit(tiny, MODEL, slice(0, 3))
    again = tiny.create()
    assert again.name == tiny.sweep.name
    assert tiny.store.session().snapshot_id == before, "nothing may be written the second time"
    assert again.pending(MODEL) == (slice(3, 6), slice(6, 7))


def test_another_study_is_another_sweep(tiny, make_tiny):
    commit(tiny, MODEL, slice(0, 3))
    other = make_tiny(tiny.path, study_hash="2")
    assert [info.name for info in other.store.sweeps()] == [tiny.sweep.name, other.sweep.name]
    assert len(other.sweep.pending(MODEL)) == 3
    assert len(tiny.sweep.pending(MODEL)) == 2


def test_the_same_hash_with_other_axes_is_refused(tiny, make_tiny, monkeypatch):
    import dataclasses

    wider = dataclasses.replace(tiny.layout, chunk=4)
    monkeypatch.setattr(type(tiny), "layout", property(lambda self: wider))
    with pytest.raises(StoreConflictError, match="chunk 3; now 4"):
        tiny.create()


def test_a_sweep_needs_its_panel(tiny):
    with pytest.raises(StoreError, match="panel ffff is not in the store"):
        tiny.store.create_sweep(
            study="x", study_text="", study_hash="1", data_hash="ffff", layout=tiny.layout
        )


def test_a_panel_comes_back_as_it_was(tiny):
    panel = tiny.store.panel("d41d8cd9").load()
    from_fork = open_panel(tiny.sweep.fork())
    for name in ("sales", "efforts", "market", "firm", "effort", "unit"):
        np.testing.assert_array_equal(panel[name].values, from_fork[name].values)
    assert panel["sales"].attrs == {"units": "$ / week", "long_name": "sales"}
    assert panel["time"].values[1] == np.datetime64("2024-01-08")
    assert panel.attrs["truth"] == {"discount": 10.0, "deal": 11.0}
    assert np.isnan(panel["sales"].values[:, 3, :2]).all()
    assert (panel["sales"].values[:, :3] >= 1.0).all()


def test_a_panel_is_written_once(tiny):
    def refuse():
        raise AssertionError("blocks must not be read")
        yield

    before = tiny.store.session().snapshot_id
    tiny.store.write_panel("d41d8cd9", refuse(), tiny.layout.markets)
    assert tiny.store.session().snapshot_id == before


@pytest.mark.parametrize("wrong", ["fewer", "reordered", "other axes"])
def test_a_panel_in_wrong_pieces_is_refused(tiny, wrong):
    panel = tiny.store.panel("d41d8cd9").load()
    blocks = [panel.isel(market=slice(0, 4)), panel.isel(market=slice(4, 7))]
    if wrong == "fewer":
        blocks = blocks[:1]
    elif wrong == "reordered":
        blocks = blocks[::-1]
    else:
        blocks[1] = blocks[1].isel(time=slice(0, 5))
    before = tiny.store.session().snapshot_id
    with pytest.raises(StoreError):
        tiny.store.write_panel("beef", blocks, tiny.layout.markets)
    assert tiny.store.session().snapshot_id == before


def test_a_missing_store_is_said(tmp_path):
    with pytest.raises(StoreNotFoundError, match="There is no store at"):
        Store.open(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(StoreNotFoundError, match="no sweep named x"):
        Store.open_or_create(tmp_path / "new").sweep("x")


def test_a_directory_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(StoreError, match=r"holds other files \(thesis.doc\)"):
        Store.open_or_create(tmp_path)


@pytest.mark.parametrize("path", ["gs://bucket/x", "s3://bucket", "s3:///prefix", "https://host/x"])
def test_addresses_of_another_kind_are_refused(path):
    with pytest.raises(StoreError, match="Got a store at"):
        Store.open(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        Store.open_or_create(tmp_path / "file" / "store")


@pytest.mark.parametrize("attributes", [{"format_version": 999}, {"format": "something else"}])
def test_another_format_is_refused(tiny, attributes):
    def change(session):
        zarr.open_group(session.store, mode="r+").attrs.update(attributes)

    transact(tiny.store.location, tiny.store._repository, change, "from the future")
    for opening in (Store.open, Store.open_or_create):
        with pytest.raises(StoreFormatError, match=r"version 999; this beed reads|not a beed result"):
            opening(tiny.path)


@pytest.mark.parametrize("archive", OLD_STORES, ids=lambda path: path.stem)
def test_old_stores_stay_readable(archive, tmp_path):
    """Each archive was written by the version that introduced its format, with the fixture ``filled``."""
    from pipeline import open_store

    zipfile.ZipFile(archive).extractall(tmp_path)
    results = open_store(tmp_path / archive.stem)
    assert results.sweep.state is SweepState.DONE
    assert results.fits(MODEL).value.sel(market=5, window="all", param="discount").item() == 5.0
    assert results.fits(MODEL).bic.sel(market=21, window="all").item() == 21.0
    share = results.trajectories(MODEL).share.sel(market=2, firm="Tropicana", window="all")
    assert share.values.tolist() == [0.25] * 6
    assert results.panel().sales.sizes == {"market": 7, "firm": 4, "time": 6}
    assert len(results.sql("select * from validation")) == 3 * 7 * 2 * 2


def test_there_is_an_old_store_for_every_format():
    from pipeline.store.format.layout import READABLE_VERSIONS

    assert {int(path.stem.removeprefix("format-")) for path in OLD_STORES} == READABLE_VERSIONS
