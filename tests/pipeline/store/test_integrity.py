"""Damage is found, named, and never read as numbers; what could not be finished is begun again."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from places import ROOT

from pipeline.errors import StoreError, StoreNotFoundError
from pipeline.results.result_store import open_store
from pipeline.store.integrity.checked import CheckedArray
from pipeline.store.integrity.checksums import check_references, record
from pipeline.store.integrity.explain import explain, explained
from pipeline.store.integrity.verify import verify_store
from pipeline.store.location import INITIAL_SNAPSHOT, Location
from pipeline.store.store import Store

MODEL = "investment-mnl"


def files(tiny, kind):
    return sorted(path for path in (Path(tiny.path) / kind).rglob("*") if path.is_file())


def flip(path, byte):
    content = bytearray(path.read_bytes())
    content[byte] ^= 4
    path.write_bytes(content)


def read_all(tiny):
    results = open_store(tiny.path)
    results.panel().load()
    for model in results.models:
        results.fits(model).load()
        results.trajectories(model).load()


def test_all_arrays_have_checksums_and_all_chunks(filled):
    found = verify_store(filled.store)
    assert (found.unprotected, found.damage) == (0, ())
    assert found.arrays > 40


@pytest.mark.parametrize("position", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_flipped_bits_in_chunks_are_refused_and_named(filled, position):
    for path in files(filled, "chunks"):
        before = path.read_bytes()
        flip(path, int(len(before) * position))
        with pytest.raises(StoreError, match=r"The array panels/\S+ .* it is damaged"):
            read_all(filled)
        (damage,) = verify_store(Store.open(filled.path)).damage
        assert damage.path.startswith("panels/")
        assert "markets " in damage.concerns
        path.write_bytes(before)
    read_all(filled)


def test_damage_names_model_and_markets(filled, monkeypatch):
    # The small tables of so small a store have no files of their own.
    whole = CheckedArray.__getitem__

    def damaged(self, selection):
        if self.path.endswith(f"{MODEL}/value"):
            raise StoreError("Restored data doesn't match checksum")
        return whole(self, selection)

    monkeypatch.setattr(CheckedArray, "__getitem__", damaged)
    (damage,) = verify_store(Store.open(filled.path)).damage
    assert damage.concerns == f"model {MODEL}, markets 2 to 21"
    assert "checksum" in str(damage)


def test_missing_chunks_are_no_fill_values(filled):
    """As if the entry of a chunk in the index were gone: zarr alone would give nan."""
    session = filled.store._repository.writable_session("main")
    path = f"sweeps/{filled.sweep.name}/fits/{MODEL}/value"
    zarr.open_array(session.store, path=path, mode="r+", zarr_format=3)
    zarr.core.sync.sync(session.store.delete(f"{path}/c/0/0/0"))
    session.commit("lost")
    with pytest.raises(StoreError, match="a file of it is missing"):
        open_store(filled.path).fits(MODEL).value.load()
    (damage,) = verify_store(Store.open(filled.path)).damage
    assert (damage.path, damage.chunk) == (path, "0/0/0")


def test_unfinished_sweeps_may_miss_chunks_but_not_of_what_is_done(tiny):
    tiny.fill((MODEL,))
    assert verify_store(tiny.store).damage == ()
    session = tiny.store._repository.writable_session("main")
    path = f"sweeps/{tiny.sweep.name}/fits/{MODEL}/value"
    zarr.core.sync.sync(session.store.delete(f"{path}/c/1/0/0"))
    session.commit("lost")
    (damage,) = verify_store(Store.open(tiny.path)).damage
    assert (damage.path, damage.concerns) == (path, f"model {MODEL}, markets 12 to 18")


def test_references_and_snapshots_are_held_against_their_checksums(filled):
    """Their bytes are replaced by others that Icechunk would read."""
    root = Path(filled.path)
    snapshots = {path.name: path for path in files(filled, "snapshots")}
    tip = filled.store.session().snapshot_id
    before = snapshots[tip].read_bytes()
    snapshots[tip].write_bytes(before + b" ")
    with pytest.raises(StoreError, match=f"The snapshot {tip} of the store .* is damaged"):
        Store.open(filled.path)
    with pytest.raises(StoreError, match="is damaged"):
        filled.sweep.set_state("running")
    snapshots[tip].write_bytes(before)
    references = (root / "repo").read_bytes()
    shutil.copy(files(filled, "overwritten")[0], root / "repo")
    with pytest.raises(StoreError, match=r"The file repo of the store .* is damaged"):
        Store.open(filled.path)
    (root / "repo").write_bytes(references)
    read_all(filled)


def test_references_moved_by_another_program_are_no_damage(filled):
    filled.store._repository.create_tag("by-hand", filled.store.session().snapshot_id)
    assert Store.open(filled.path).tags() == ("by-hand",)


def test_a_damaged_checksum_is_no_checksum(tiny):
    root = Path(tiny.path)
    record(root)
    content = (root / "beed-checksums").read_bytes().rstrip(b"\n")
    (root / "beed-checksums").write_bytes(content[:-1] + b"x")  # of the last line, that of the references
    check_references(root, tiny.path)
    (root / "beed-checksums").write_bytes(content[:-4])  # cut short by a kill
    check_references(root, tiny.path)
    tiny.sweep.set_state("running")
    assert Store.open(tiny.path).sweeps()


@pytest.mark.parametrize("files_left", range(6))
def test_a_creation_cut_short_is_begun_again(tmp_path, files_left):
    """Whatever of the files of an empty repository is there, in the order in which Icechunk makes them."""
    whole = tmp_path / "whole"
    Location.parse(whole).open_or_create()
    names = [f"snapshots/{INITIAL_SNAPSHOT}#1", f"snapshots/{INITIAL_SNAPSHOT}"]
    names += [f"transactions/{INITIAL_SNAPSHOT}", "repo#1", "repo"]
    cut = tmp_path / "cut"
    (cut / "snapshots").mkdir(parents=True)
    for name in names[:files_left]:
        (cut / name).parent.mkdir(exist_ok=True)
        shutil.copy(whole / name.partition("#")[0], cut / name)
    with pytest.raises(StoreNotFoundError, match="There is no store at"):
        Store.open(cut)
    assert Store.open_or_create(cut).sweeps() == ()
    assert Store.open(cut).sweeps() == ()


def test_a_store_without_its_references_is_not_made_anew(filled):
    (Path(filled.path) / "repo").unlink()
    for opening in (Store.open, Store.open_or_create):
        with pytest.raises(StoreError, match=r"has lost its file 'repo'.*overwritten"):
            opening(filled.path)
    assert files(filled, "chunks")


def test_a_missing_file_is_a_sentence(filled):
    for path in files(filled, "chunks"):
        path.unlink()
    with pytest.raises(StoreError, match=r"a file of it is missing.*beed verify") as caught:
        read_all(filled)
    assert ".rs" not in str(caught.value)


def test_a_panel_that_is_not_what_was_hashed_is_not_fitted(filled):
    from pipeline.panel.dataset import hash_markets
    from pipeline.sweep.task_runner import loaded

    panel = filled.store.panel("d41d8cd9").load()
    panel = panel.assign_coords(content_hash=("market", hash_markets(panel)))
    assert loaded(panel) is not None
    panel["sales"].values[4, 1, 2] *= 1 + 2**-52
    with pytest.raises(StoreError, match="The data of market 14 in the store are damaged"):
        loaded(panel)


CAUSES = {
    "Unable to copy data to file: No space left on device (os error 28)": "the disk is full",
    "Unable to open file: Permission denied (os error 13)": "permission denied",
    "dispatch failure: io error: client error (Connect): tcp connect error": "S3 does not answer",
    "service error: unhandled error (AccessDenied)": "S3 refuses the credentials",
    "object not found\n\ncontext:\n 0: icechunk::fetch at a.rs:1": "a file of it is missing",
    "invalid flatbuffer\n\ncontext:\n 0: icechunk::fetch at a.rs:1": "damaged (invalid flatbuffer)",
}


@pytest.mark.parametrize("message", CAUSES)
def test_causes_in_words(message):
    sentence = explain("The store at x cannot be read", RuntimeError(message))
    assert sentence.startswith("The store at x cannot be read: ")
    assert CAUSES[message] in sentence
    assert ".rs" not in sentence


def test_what_is_not_of_the_store_is_left_alone():
    for error in (IndexError("x"), KeyboardInterrupt(), MemoryError()):
        with pytest.raises(type(error)), explained("The array"):
            raise error
    with pytest.raises(IndexError), explained("The array"):
        np.zeros(3)[7]


def test_faults_in_small():
    """The same trials as `python tests/benchmarks/faults.py`, some of each."""
    program = str(ROOT / "tests/benchmarks/faults.py")
    done = subprocess.run(
        [sys.executable, program, "--trials", "20"], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_faults_in_large():
    program = str(ROOT / "tests/benchmarks/faults.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
