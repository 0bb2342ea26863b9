"""Drive jobs through a dask client: bounded, patient with dying workers, quick to stop."""

import contextlib
import queue
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import distributed
from distributed import Client, Future, KilledWorker, WorkerPlugin

from pipeline.errors import ClusterError
from pipeline.executors.engines import Hooks, Outcome
from pipeline.executors.worker import call_by_name, one_blas_thread

#: Jobs in flight per worker thread: one running, the others hide the scheduler's few milliseconds a task.
DEPTH = 3
#: Seconds between two looks at the stop flag.
TICK = 0.1


class WorkerSetup(WorkerPlugin):
    """Prepare a worker process.

    Parameters
    ----------
    warm
        ``"module:function"`` to call, or None.
    ignore_interrupts
        For workers that share the coordinator's terminal: Ctrl-C reaches the whole process group, and a
        worker killed by it could not finish what the coordinator is waiting for.
    """

    name = "beed"

    def __init__(self, warm: str | None, ignore_interrupts: bool) -> None:
        self.warm = warm
        self.ignore_interrupts = ignore_interrupts

    def setup(self, worker: distributed.Worker) -> None:  # noqa: ARG002 - dask's interface
        """Run in `worker` when it joins."""
        if self.ignore_interrupts:
            # A worker that lives in a thread (as in dask's own tests) cannot, and need not.
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        one_blas_thread()
        if self.warm is not None:
            call_by_name(self.warm)


def prepare_workers(client: Client, hooks: Hooks, *, ignore_interrupts: bool) -> None:
    """Send :class:`WorkerSetup` to all present and future workers.

    Raises
    ------
    ClusterError
        A worker cannot load this package.
    """
    try:
        client.register_plugin(WorkerSetup(hooks.warm, ignore_interrupts))
    except Exception as error:
        raise ClusterError(
            f"The dask workers cannot be prepared: {type(error).__name__}: {error}. Every worker needs "
            "the same version of beed and of Python as this computer; install it in the workers' environment."
        ) from error


def wait_for_workers(client: Client, hooks: Hooks, seconds: float | None) -> bool:
    """Wait until one worker thread is there.

    Parameters
    ----------
    seconds
        How long at most; None: as long as it takes (a batch queue may need hours).

    Returns
    -------
    bool
        False when stopped while waiting.

    Raises
    ------
    ClusterError
        No worker came in time.
    """
    start = time.monotonic()
    while not hooks.stop.is_set():
        threads = _threads(client)
        hooks.on_tick(threads)
        if threads:
            return True
        if seconds is not None and time.monotonic() - start > seconds:
            address = client.scheduler.address if client.scheduler else "?"
            raise ClusterError(
                f"No dask worker has joined the scheduler at {address} within {seconds:g} s. Start some with "
                f"'dask worker {address}'."
            )
        time.sleep(TICK)
    return False


def drive(
    client: Client, jobs: Iterable[Any], work: Callable[[Any], Any], hooks: Hooks, *, timeout: float | None
) -> bool:
    """Do the jobs on the client's workers; see :func:`pipeline.executors.engines.execute`.

    A job that dask blames for the death of a worker is done once more with nothing else in flight, because
    dask blames innocent neighbours too; only if that kills again it is reported as crashed.

    Parameters
    ----------
    timeout
        Seconds without any worker after which to give up; None: never.
    """
    if not wait_for_workers(client, hooks, timeout):
        return False
    return _Flight(client, work, hooks, timeout).run(iter(jobs))


class _Flight:
    """The jobs in flight and the ones to be done again alone."""

    def __init__(self, client: Client, work: Callable, hooks: Hooks, timeout: float | None) -> None:
        self.client, self.work, self.hooks, self.timeout = client, work, hooks, timeout
        self.jobs: dict[Future, tuple[Any, bool]] = {}  # future -> (job, runs alone)
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.blamed: deque[Any] = deque()

    def run(self, jobs: Any) -> bool:
        exhausted = False
        last_worker = time.monotonic()
        try:
            while not self.hooks.stop.is_set():
                threads = _threads(self.client)
                now = time.monotonic()
                last_worker = now if threads else last_worker
                if self.timeout is not None and now - last_worker > self.timeout:
                    raise ClusterError(
                        f"All dask workers were lost and none came back in {self.timeout:g} s."
                    )
                if self.blamed:
                    if not self.jobs:
                        self._submit(self.blamed.popleft(), alone=True)
                elif not any(alone for _, alone in self.jobs.values()):
                    while not exhausted and len(self.jobs) < DEPTH * max(threads, 1):
                        job = next(jobs, self)
                        exhausted = job is self
                        if not exhausted:
                            self._submit(job, alone=False)
                if exhausted and not self.jobs and not self.blamed:
                    return True
                self._collect()
                self.hooks.on_tick(threads)
            self._drain()
            return exhausted and not self.jobs and not self.blamed
        finally:
            for future in self.jobs:
                future.cancel()

    def _submit(self, job: Any, *, alone: bool) -> None:
        # pure=False: the same job sent again must run again, not be answered by a result that died.
        future = self.client.submit(self.work, job, pure=False)
        self.jobs[future] = (job, alone)
        future.add_done_callback(self.ended.put)

    def _drain(self) -> None:
        deadline = time.monotonic() + self.hooks.grace
        while self.jobs and time.monotonic() < deadline:
            self._collect()

    def _collect(self) -> None:
        """Report what has ended; wait for it no longer than a tick."""
        try:
            future = self.ended.get(timeout=TICK)
        except queue.Empty:
            self._check_scheduler()
            return
        while True:
            self._settle(future)
            try:
                future = self.ended.get_nowait()
            except queue.Empty:
                return

    def _settle(self, future: Future) -> None:
        if future not in self.jobs:
            return
        job, alone = self.jobs[future]
        if future.cancelled():
            self._check_scheduler(lost=True)
        try:
            outcome = Outcome(job, result=future.result(timeout=1.0))
        except TimeoutError as error:
            if future.status != "error":
                # Its worker died with the result before it was fetched: dask computes it again.
                future.add_done_callback(self.ended.put)
                return
            outcome = Outcome(job, error=error)
        except KilledWorker:
            if not alone:
                self._forget(future)
                self.blamed.append(job)
                return
            outcome = Outcome(job, crashed=True)
        except Exception as error:
            outcome = Outcome(job, error=error)
        # Released at once: dask would compute a held result again when its worker dies.
        self._forget(future)
        self.hooks.on_outcome(outcome)

    def _forget(self, future: Future) -> None:
        del self.jobs[future]
        future.release()

    def _check_scheduler(self, lost: bool = False) -> None:
        if lost or self.client.status not in ("running", "connecting"):
            raise ClusterError(
                "The connection to the dask scheduler was lost. Everything committed so far is kept: run the "
                "study again to go on."
            )


def _threads(client: Client) -> int:
    """Count the worker threads from what the client knows, without a question to the scheduler."""
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"The dask scheduler does not answer: {type(error).__name__}: {error}. Everything "
            "committed so far is kept: run the study again to go on."
        ) from error
