"""Drive jobs through a dask client: few in flight, again after a worker died or hangs, quick to stop."""

import contextlib
import itertools
import queue
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import distributed
from distributed import Client, Future, KilledWorker, WorkerPlugin

from pipeline.config.sections.cluster import ClusterSection
from pipeline.errors import ClusterError
from pipeline.executors.jobs import Hooks, JobOutcome
from pipeline.executors.stragglers import Stragglers
from pipeline.executors.worker import call_by_name, one_blas_thread

#: Jobs in flight per worker thread: one running, the others hide the scheduler's few milliseconds a task.
DEPTH = 3
#: Seconds between two looks at the stop flag.
TICK = 0.1
#: Seconds in which the results of several jobs must have come, or each is asked for by itself.
FETCH = 5.0
#: Seconds between two questions to the scheduler for its workers: the answer names all of them.
LOOK = 0.5
#: For schedulers that this program starts: a job is blamed after this many deaths of workers, first in
#: company, then alone.
ALLOWED_FAILURES = 1
#: How often workers are prepared when one dies meanwhile.
ATTEMPTS = 3
#: For the same, where they answer HTTP: any free port, seen from this computer only. Left alone, dask insists
#: on port 8787 of all networks, also without a dashboard, and warns when another sweep has it.
ANY_PORT = "127.0.0.1:0"


class WorkersLostError(ClusterError):
    """All workers died and none came back; whoever started them may start others, and go on with `jobs`.

    Parameters
    ----------
    seconds
        Waited for one to come back.
    jobs
        Drawn and not done.
    """

    def __init__(self, seconds: float, jobs: Sequence[object]) -> None:
        self.jobs = tuple(jobs)
        super().__init__(f"All dask workers were lost and none came back in {seconds:g} s.")


class WorkerSetup(WorkerPlugin):
    """Prepare a worker process.

    Parameters
    ----------
    precompile
        ``"module:function"`` to call, or None.
    ignore_interrupts
        For workers that share the coordinator's terminal: Ctrl-C reaches the whole process group, and a
        worker killed by it could not finish what the coordinator is waiting for.
    """

    name = "beed"

    def __init__(self, precompile: str | None, ignore_interrupts: bool) -> None:
        self.precompile = precompile
        self.ignore_interrupts = ignore_interrupts

    def setup(self, worker: distributed.Worker) -> None:  # noqa: ARG002 - dask's interface
        """Run in `worker` when it joins."""
        if self.ignore_interrupts:
            # A worker that lives in a thread (as in dask's own tests) cannot, and need not.
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        one_blas_thread()
        if self.precompile is not None:
            call_by_name(self.precompile)


def scheduler_options(settings: ClusterSection) -> dict[str, Any]:
    """Say where a scheduler that this program starts answers HTTP, and whether it shows a dashboard there."""
    return {"dashboard_address": ANY_PORT, "dashboard": settings.dashboard}


def show_dashboard[Job, Result](cluster: Any, settings: ClusterSection, hooks: Hooks[Job, Result]) -> None:
    """Tell where the dashboard is, when one was asked for."""
    if settings.dashboard:
        hooks.on_note(f"Dask's dashboard: {cluster.dashboard_link}")


def prepare_workers[Job, Result](
    client: Client, hooks: Hooks[Job, Result], *, ignore_interrupts: bool
) -> None:
    """Send :class:`WorkerSetup` to all present and future workers.

    Raises
    ------
    ClusterError
        A worker cannot load this package, or workers die while they are prepared.
    """
    setup = WorkerSetup(hooks.precompile, ignore_interrupts)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            client.register_plugin(setup)
            return
        except OSError as error:  # the connection to a worker that died; another one comes in its place
            _check_attempts(attempt, error)
            time.sleep(1.0)
        except Exception as error:
            raise _unprepared(error) from error


def _check_attempts(attempt: int, error: OSError) -> None:
    if attempt == ATTEMPTS:
        raise ClusterError(
            f"Dask workers die while they are prepared, {attempt} times in a row "
            f"({type(error).__name__}: {error}). Often it is memory: give them more, or run with "
            "fewer --workers."
        ) from error


def _unprepared(error: Exception) -> ClusterError:
    return ClusterError(
        f"The dask workers cannot be prepared: {type(error).__name__}: {error}. Every worker needs "
        "the same version of beed and of Python as this computer; install it in the workers' environment."
    )


def wait_for_workers[Job, Result](client: Client, hooks: Hooks[Job, Result], seconds: float | None) -> bool:
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


def drive[Job, Result](
    client: Client,
    jobs: Iterable[Job],
    work: Callable[[Job], Result],
    hooks: Hooks[Job, Result],
    *,
    timeout: float | None,
    expected: int = 0,
) -> bool:
    """Do the jobs on the client's workers; see `pipeline.executors.execute.execute`.

    A job that dask blames for the death of a worker is done once more with nothing else in flight, because
    dask blames innocent neighbours too; only if that kills again it is reported as crashed. A job that is
    late when a worker has nothing to do is started there as well, and the first result counts.

    Parameters
    ----------
    timeout
        Seconds without any worker after which to give up; None: never.
    expected
        Worker threads to keep in work also before they are there, because they come when there is some.
    """
    if not wait_for_workers(client, hooks, timeout):
        return False
    return _Flight(client, iter(jobs), work, hooks, timeout, expected).run()


@dataclass
class _InFlight[Job]:
    """A job that was submitted.

    Attributes
    ----------
    job
        As it was given.
    alone
        Whether nothing else may be in flight, to see if it is this job that kills workers.
    since
        When it was submitted.
    twin
        The same job, started a second time; the first result counts.
    doubled
        Whether it ever had a twin: it gets no other.
    first
        Whether it is not the second start itself.
    """

    job: Job
    alone: bool
    since: float
    twin: Future | None = None
    doubled: bool = False
    first: bool = True


class _Flight[Job, Result]:
    """The jobs that are in flight, those still to be drawn, and those to be done again alone."""

    def __init__(
        self,
        client: Client,
        jobs: Iterator[Job],
        work: Callable[[Job], Result],
        hooks: Hooks[Job, Result],
        timeout: float | None,
        expected: int,
    ) -> None:
        self.client, self.jobs, self.work, self.hooks, self.timeout = client, jobs, work, hooks, timeout
        self.expected = expected
        self.exhausted = False
        self.in_flight: dict[Future, _InFlight[Job]] = {}
        self.stragglers = Stragglers()
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.blamed: deque[Job] = deque()

    @property
    def complete(self) -> bool:
        return self.exhausted and not self.in_flight and not self.blamed

    def run(self) -> bool:
        last_worker = looked = time.monotonic()
        threads = _threads(self.client)
        try:
            while not self.hooks.stop.is_set():
                now = time.monotonic()
                if now - looked > LOOK or not threads:
                    threads, looked = _threads(self.client), now
                last_worker = now if threads else last_worker
                if self.timeout is not None and now - last_worker > self.timeout:
                    raise WorkersLostError(self.timeout, self._unfinished())
                self._refill(threads)
                self._double_late(threads)
                if self.complete:
                    return True
                self._collect()
                self.hooks.on_tick(threads)
            self._drain()
            return self.complete
        finally:
            for future in self.in_flight:
                future.cancel()

    def _unfinished(self) -> list[Job]:
        """List the jobs that have been drawn and not ended, each once."""
        single = [one.job for one in self.in_flight.values() if one.first or one.twin is None]
        return [*single, *self.blamed]

    def _refill(self, threads: int) -> None:
        """Submit as many jobs as hide the scheduler's delay; a blamed one only when nothing else runs."""
        if self.blamed:
            if not self.in_flight:
                self._submit([self.blamed.popleft()], alone=True)
            return
        # One that is to be alone is.
        if any(one.alone for one in itertools.islice(self.in_flight.values(), 1)):
            return
        free = DEPTH * max(threads, self.expected, 1) - len(self.in_flight)
        drawn = list(itertools.islice(self.jobs, max(free, 0)))
        if drawn:
            self._submit(drawn)
        self.exhausted = self.exhausted or len(drawn) < free

    def _submit(self, jobs: list[Job], *, alone: bool = False) -> list[Future]:
        # All in one message: a thousand workers end some hundred jobs a second.
        # pure=False: the same job sent again must run again, not be answered by a result that died.
        futures: list[Future] = self.client.map(self.work, jobs, pure=False)
        for job, future in zip(jobs, futures, strict=True):
            self.in_flight[future] = _InFlight(job, alone, time.monotonic())
            future.add_done_callback(self.ended.put)
        return futures

    def _double_late(self, threads: int) -> None:
        """Start a second time what is late, when there is nothing else for a worker to do."""
        idle = threads - len(self.in_flight)
        if not self.exhausted or self.blamed or idle <= 0:
            return
        latest = time.monotonic() - self.stragglers.late_after()
        late = [
            (future, one)
            for future, one in self.in_flight.items()
            if one.since < latest and not (one.doubled or one.alone)
        ]
        for future, one in late[:idle]:
            (twin,) = self._submit([one.job])
            one.twin, self.in_flight[twin].twin = twin, future
            one.doubled = self.in_flight[twin].doubled = True
            self.in_flight[twin].first = False

    def _drain(self) -> None:
        """Give the jobs in flight their grace to finish."""
        deadline = time.monotonic() + self.hooks.grace
        while self.in_flight and time.monotonic() < deadline:
            self._collect()

    def _collect(self) -> None:
        """Report what has ended; wait for it no longer than a tick."""
        try:
            future = self.ended.get(timeout=TICK)
        except queue.Empty:
            self._check_scheduler()
            return
        # Those that have ended by now: where results come as fast as they are reported, workers would
        # otherwise wait for jobs, and what is finished for its commit.
        several = [future, *(self.ended.get_nowait() for _ in range(self.ended.qsize()))]
        results = self._fetch(several)
        for future in several:
            self._settle(future, results)

    def _fetch(self, ended: list[Future]) -> dict[Future, Result]:
        """Fetch what several futures hold at once; nothing where that fails, for each may tell why."""
        ready = [future for future in ended if future in self.in_flight and future.status == "finished"]

        async def gather() -> list[Result]:
            found: list[Result] = await self.client.gather(ready, asynchronous=True)
            return found

        try:
            return dict(zip(ready, self.client.sync(gather, callback_timeout=FETCH), strict=True))
        except Exception:
            return {}

    def _settle(self, future: Future, results: dict[Future, Result]) -> None:
        if future not in self.in_flight:
            return
        one = self.in_flight[future]
        job = one.job
        if future.cancelled():
            self._check_scheduler(lost=True)
        outcome: JobOutcome[Job, Result]
        try:
            result = results[future] if future in results else future.result(timeout=1.0)
            outcome = JobOutcome(job, result=result)
        except TimeoutError as error:
            if future.status != "error":
                # Its worker died with the result before it was fetched: dask computes it again.
                future.add_done_callback(self.ended.put)
                return
            outcome = JobOutcome(job, error=error)
        except KilledWorker:
            if one.twin is not None:
                self._forget(future)
                return
            if not one.alone:
                self._forget(future)
                self.blamed.append(job)
                return
            outcome = JobOutcome(job, crashed=True)
        except Exception as error:
            outcome = JobOutcome(job, error=error)
        # Released at once: dask would compute a held result again when its worker dies.
        if one.twin is not None:
            twin = one.twin
            self._forget(twin)
            twin.cancel()
        self._forget(future)
        self.stragglers.ended(time.monotonic() - one.since)
        self.hooks.on_outcome(outcome)

    def _forget(self, future: Future) -> None:
        one = self.in_flight.pop(future)
        if one.twin is not None:
            self.in_flight[one.twin].twin = None
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
