"""Leases: one holder at a time, whoever dies; in a repository that moves branches by conditional writes."""

import threading
import time

import icechunk
import pytest

from pipeline.errors import BusyError
from pipeline.store.lease import PREFIX, SKEW, TERM, Lease, leased, live_leases


@pytest.fixture
def repository():
    return icechunk.Repository.create(icechunk.in_memory_storage())


class Clock:
    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


def test_one_at_a_time(repository):
    with leased(repository, "sweep-1", "The sweep 1"):
        assert live_leases(repository) == ("sweep-1",)
        with pytest.raises(BusyError, match=r"The sweep 1 is being worked on by process \d+ on"):
            Lease(repository, "sweep-1", "The sweep 1").take()
        with leased(repository, "sweep-2", "The sweep 2"):
            pass
    assert repository.list_branches() == {"main"}
    with leased(repository, "sweep-1", "The sweep 1"):
        pass


def test_of_many_at_once_one_gets_it(repository):
    barrier, taken, refused = threading.Barrier(8), [], []

    def contend():
        lease = Lease(repository, "x", "The sweep x")
        barrier.wait()
        try:
            lease.take()
            taken.append(lease)
        except BusyError:
            refused.append(lease)

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)


def test_the_lease_of_the_dead_ends(repository):
    clock = Clock()
    dead, heir = (Lease(repository, "x", "The sweep x", clock) for _ in range(2))
    dead.take()
    clock.now += TERM - 1
    with pytest.raises(BusyError):
        heir.take()
    assert dead.renew()
    clock.now += TERM - 1
    with pytest.raises(BusyError):
        heir.take()
    clock.now += 2
    heir.take()
    # Whoever was only asleep finds out, and leaves the lease of the other alone.
    assert not dead.renew()
    assert dead.is_lost
    dead.release()
    assert heir.renew()
    heir.release()
    assert not heir.renew()


def test_a_clock_that_was_put_back_blocks_nobody(repository):
    clock = Clock()
    dead, heir = (Lease(repository, "x", "The sweep x", clock) for _ in range(2))
    dead.take()
    clock.now -= SKEW - 1
    with pytest.raises(BusyError):
        heir.take()
    clock.now -= 86_400
    heir.take()
    assert heir.renew()
    assert not dead.renew()


def test_who_dies_between_the_branch_and_its_first_commit_locks_nobody_out(repository):
    repository.create_branch(f"{PREFIX}x", repository.lookup_branch("main"))
    Lease(repository, "x", "The sweep x").take()


def test_a_lease_that_is_lost_stops_the_work(repository, monkeypatch):
    monkeypatch.setattr("pipeline.store.lease.RENEWAL", 0.05)
    lost = threading.Event()

    def work():
        with leased(repository, "x", "The sweep x", lost.set):
            assert not lost.wait(0.3)  # it is renewed
            repository.delete_branch(f"{PREFIX}x")
            assert lost.wait(10)

    with pytest.raises(BusyError, match="taken over by another coordinator"):
        work()


def test_a_store_that_cannot_be_reached_for_a_while_loses_nothing(repository, monkeypatch):
    clock = Clock()
    lease = Lease(repository, "x", "The sweep x", clock)
    lease.take()

    class Away:
        def writable_session(self, branch):
            raise icechunk.StorageError("no route to host")

    monkeypatch.setattr(lease, "_repository", Away())
    clock.now += TERM - 1
    assert lease.renew()
    clock.now += 2
    assert not lease.renew()
