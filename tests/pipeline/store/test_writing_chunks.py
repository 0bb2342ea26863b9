"""Workers write whole chunks that fit, or nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import zarr

from pipeline.errors import StoreConflictError, StoreError
from pipeline.store.writing.chunks import write_chunk

MODEL = "investment-mnl"


def commit(tiny, model, markets):
    fork = write_chunk(tiny.sweep.fork(), model, markets, tiny.arrays(model, markets))
    return tiny.sweep.merge_and_commit([fork])


def fits(tiny, model=MODEL):
    return zarr.open_group(
        tiny.store.session().store, path=f"sweeps/{tiny.sweep.name}/fits/{model}", mode="r"
    )


def test_committed_chunks_are_no_longer_pending(tiny):
    commit(tiny, MODEL, slice(3, 6))
    commit(tiny, "last", slice(0, 6))
    assert tiny.sweep.pending(MODEL) == (slice(0, 3), slice(6, 7))
    assert tiny.sweep.pending("last") == (slice(6, 7),)
    assert len(tiny.sweep.pending("scaled-hill")) == 3
    np.testing.assert_array_equal(fits(tiny)["value"][3:6, 0, 0], [12.0, 14.0, 18.0])


def test_a_chunk_that_equals_the_fill_value_counts_as_done(tiny):
    empty = {"error": np.full((3, 2, 1, 2), np.nan)}
    tiny.sweep.merge_and_commit([write_chunk(tiny.sweep.fork(), "last", slice(0, 3), empty)])
    assert tiny.sweep.pending("last") == (slice(3, 6), slice(6, 7))


def test_a_sweep_keeps_trajectories_as_it_was_begun(tiny):
    """Whatever the study says when it is resumed: what is missing is computed, what has no place is left."""
    arrays = tiny.arrays(MODEL, slice(0, 3))
    share = arrays.pop("share")
    tiny.sweep.merge_and_commit([write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), arrays)])
    path = f"sweeps/{tiny.sweep.name}/trajectories/{MODEL}/share"
    assert np.isnan(zarr.open_array(tiny.store.session().store, path=path, mode="r")[:3]).all()
    assert tiny.sweep.has_trajectories()
    names = {
        "study": "other",
        "study_text": "",
        "study_hash": "other",
        "data_hash": tiny.sweep.info.data_hash,
    }
    without = tiny.store.create_sweep(**names, layout=replace(tiny.layout, trajectories="none"))
    fork = write_chunk(without.fork(), MODEL, slice(0, 3), arrays | {"share": share})
    without.merge_and_commit([fork])
    assert not without.has_trajectories()
    assert len(without.pending(MODEL)) == 2


def test_nothing_is_seen_before_the_commit(tiny):
    write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    assert len(tiny.sweep.pending(MODEL)) == 3
    assert tiny.sweep.merge_and_commit([]) is None


def test_forks_travel_small_and_without_secrets(tiny, monkeypatch):
    fork = pickle.loads(pickle.dumps(tiny.sweep.fork()))
    assert len(pickle.dumps(fork)) < 2000
    write_chunk(fork, MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    tiny.sweep.merge_and_commit([pickle.loads(pickle.dumps(fork))])
    assert tiny.sweep.pending(MODEL) == (slice(3, 6), slice(6, 7))


def test_an_old_fork_merges_into_a_newer_store(tiny):
    old = tiny.sweep.fork()
    commit(tiny, MODEL, slice(0, 3))
    tiny.sweep.set_state("running")
    write_chunk(old, MODEL, slice(3, 6), tiny.arrays(MODEL, slice(3, 6)))
    tiny.sweep.merge_and_commit([old])
    assert tiny.sweep.pending(MODEL) == (slice(6, 7),)


@pytest.mark.parametrize("markets", [slice(1, 3), slice(0, 2), slice(3, 5), slice(6, 8), slice(0, 0)])
def test_markets_that_are_not_whole_chunks_are_refused(tiny, markets):
    fork = tiny.sweep.fork()
    with pytest.raises(StoreError, match="Got markets"):
        write_chunk(fork, MODEL, markets, tiny.arrays(MODEL, slice(0, 3)))
    assert not fork.session.has_uncommitted_changes


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("value", lambda array: array[:, :, :2], "Got value of shape"),
        ("error", lambda array: array[:, :1], "Got error of shape"),
        ("status", lambda array: array * 0, r"Got status codes \[0\]"),
        ("status", lambda array: array + 400, r"Got status codes \[401\]"),
        ("value", None, "missing \\['value'\\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tiny, name, change, says):
    arrays = tiny.arrays(MODEL, slice(0, 3))
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    fork = tiny.sweep.fork()
    with pytest.raises(StoreError, match=says):
        write_chunk(fork, MODEL, slice(0, 3), arrays)
    assert not fork.session.has_uncommitted_changes
    assert not fork.written


def test_a_sweep_that_an_earlier_version_began_takes_what_it_has_room_for(tiny):
    arrays = tiny.arrays(MODEL, slice(0, 3)) | {"pit_count": np.zeros((3, 2, 1, 1, 20), dtype=np.int32)}
    assert write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), arrays).written


def test_an_unknown_model_is_refused(tiny):
    with pytest.raises(StoreError, match=r"no baseline investment-hill; it has investment-mnl"):
        write_chunk(tiny.sweep.fork(), "investment-hill", slice(0, 3), {})


def test_a_task_that_ran_twice_is_taken_once(tiny):
    forks = [
        write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3))) for _ in range(2)
    ]
    tiny.sweep.merge_and_commit(forks)
    assert tiny.sweep.pending(MODEL) == (slice(3, 6), slice(6, 7))
    np.testing.assert_array_equal(fits(tiny)["value"][:3, 0, 0], [2.0, 5.0, 8.0])


def test_tasks_that_overlap_in_part_are_refused(tiny):
    forks = [
        write_chunk(tiny.sweep.fork(), MODEL, markets, tiny.arrays(MODEL, markets))
        for markets in (slice(0, 6), slice(3, 7))
    ]
    with pytest.raises(StoreError, match="overlap in part"):
        tiny.sweep.merge_and_commit(forks)
    assert len(tiny.sweep.pending(MODEL)) == 3


def test_a_fork_from_before_compaction_is_refused(tiny):
    stale = write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    tiny.fill()
    tiny.sweep.compact()
    with pytest.raises(StoreConflictError, match="was rewritten"):
        tiny.sweep.merge_and_commit([stale])
