"""The index tells of every sweep what its own attributes tell, whoever wrote it."""

import pytest
import zarr

from pipeline.store.format.layout import LOGICAL_DATE, SWEEP_INDEX, SWEEPS, SweepState, sweep_path
from pipeline.store.writing.commit import transact


def change(store, work):
    transact(store.location, store._repository, work, "test")


def sweeps_group(session, mode="r+"):
    return zarr.open_group(session.store, path=SWEEPS, mode=mode, zarr_format=3)


def told(store):
    return [(head.name, head.study, head.state, head.created, head.date) for head in store.heads()]


def read(store):
    return [
        (info.name, info.study, info.state, info.created, info.attributes.get(LOGICAL_DATE))
        for info in store.sweeps()
    ]


def test_the_index_follows_sweeps_through_their_life(tiny, make_tiny):
    assert told(tiny.store) == read(tiny.store)
    other = make_tiny(tiny.path, study_hash="2")
    other.sweep.set_state(SweepState.RUNNING)
    assert told(tiny.store) == read(tiny.store)
    for state in (SweepState.DONE, SweepState.INTERRUPTED, SweepState.DONE):
        other.sweep.set_state(state)
        assert told(tiny.store) == read(tiny.store)
    index = sweeps_group(tiny.store.session(), "r").attrs[SWEEP_INDEX]
    assert index[other.sweep.name][1] == "done"


def test_a_store_from_before_the_index_is_read_and_gets_one(tiny, make_tiny):
    change(tiny.store, lambda session: sweeps_group(session).attrs.clear())
    assert told(tiny.store) == read(tiny.store)
    make_tiny(tiny.path, study_hash="2")
    assert len(sweeps_group(tiny.store.session(), "r").attrs[SWEEP_INDEX]) == 2
    assert told(tiny.store) == read(tiny.store)


def test_sweeps_of_earlier_versions_enter_with_the_next_one(tiny, make_tiny):
    make_tiny(tiny.path, study_hash="2")

    def forget(session):
        group = sweeps_group(session)
        group.attrs[SWEEP_INDEX] = {tiny.sweep.name: group.attrs[SWEEP_INDEX][tiny.sweep.name]}

    change(tiny.store, forget)
    make_tiny(tiny.path, study_hash="3")
    assert told(tiny.store) == read(tiny.store)
    assert len(told(tiny.store)) == 3


@pytest.fixture
def many(tiny):
    """A store with 400 vintages beside one sweep: copies of its group, without arrays."""
    tiny.sweep.set_state(SweepState.DONE)
    store = tiny.store
    attributes = store.sweep(tiny.sweep.name).info.attributes
    group = zarr.open_group(store.session().store, path=sweep_path(tiny.sweep.name), mode="r")
    attributes = group.attrs.asdict()

    def copy(session):
        index = {}
        for number in range(400):
            date = f"{2000 + number // 12}-{number % 12 + 1:02d}-01"
            name = f"tiny-{date}"
            facts = attributes | {LOGICAL_DATE: date, "study": "tiny"}
            zarr.create_group(session.store, path=sweep_path(name), attributes=facts, zarr_format=3)
            index[name] = ["tiny", "done", facts["created"], date]
        above = sweeps_group(session)
        above.attrs[SWEEP_INDEX] = above.attrs[SWEEP_INDEX] | index

    change(store, copy)
    return store


def test_many_vintages_cost_no_more_than_their_index(many, monkeypatch):
    opened = []
    get = type(many.session().store).get

    async def counted(self, key, *arguments, **options):
        opened.append(key)
        return await get(self, key, *arguments, **options)

    monkeypatch.setattr(type(many.session().store), "get", counted)
    from pipeline import open_store

    assert open_store(many.location.url, sweep="tiny").sweep.name == "tiny-2033-04-01"
    assert 0 < len(opened) < 20
