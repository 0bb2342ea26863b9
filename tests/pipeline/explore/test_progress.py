"""Progress is counted from chunks, each once, and is what the store itself says."""

from pipeline.explore.progress import ProgressCounter
from pipeline.results.result_store import ResultStore
from pipeline.status import Status
from pipeline.store.writing.chunks import write_chunk


def test_counts_in_mid_sweep_are_those_of_the_store(tiny):
    counter = ProgressCounter()
    assert counter.count(ResultStore(tiny.store)).done == 0
    work = [
        (model, part) for model in ("scaled-hill", "investment-mnl") for part in tiny.sweep.pending(model)
    ]
    for model, part in work:
        fork = write_chunk(tiny.sweep.fork(), model, part, tiny.arrays(model, part))
        tiny.sweep.merge_and_commit([fork])
        found = counter.count(ResultStore(tiny.store))
        codes = tiny.sweep.statuses()
        assert found.done == sum(count for status, count in codes.items() if status != Status.PENDING)
        assert found.usable == codes.get(Status.CONVERGED, 0)
        assert dict(found.failed) == {s: n for s, n in codes.items() if s.failed}
    assert (found.done, found.planned, found.running) == (28, 28, True)
    assert [done for _, done, _ in found.models] == [14, 14]


def test_only_new_chunks_are_read(tiny, monkeypatch):
    counter, read = ProgressCounter(), []
    results = ResultStore(tiny.store)
    counter.count(results)
    tiny.fill(("investment-mnl",))
    results = results.refresh()
    array = results.tables.arrays("investment-mnl")["status"]
    original = type(array).__getitem__
    monkeypatch.setattr(type(array), "__getitem__", lambda self, key: read.append(key) or original(self, key))
    counter.count(results)
    assert read == [slice(0, 7)]
    counter.count(results.refresh())
    assert read == [slice(0, 7)]
