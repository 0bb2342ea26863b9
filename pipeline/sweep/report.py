"""How a run of a sweep ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.status import Status
from pipeline.store.format.layout import SweepState


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    store, sweep
        Where the results are.
    state
        Of the sweep now.
    kept, done, total
        Fits found in the store at the start, done in this run, and asked for in all.
    failures
        Fits of this run without a usable result, by reason.
    unfinished
        Sentences about tasks that ended in an unforeseen exception; they are still pending.
    seconds
        Time of this run.
    statuses
        What became of all fits of the sweep; of a finished sweep only.
    time_up
        Whether the time given was up before the end.
    seconds_left
        Estimated seconds for what is left, going on with the same workers.
    """

    store: str
    sweep: str
    state: SweepState
    kept: int
    done: int
    total: int
    failures: dict[Status, int] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    seconds: float = 0.0
    statuses: Mapping[Status, int] = field(default_factory=dict)
    time_up: bool = False
    seconds_left: float = 0.0

    @property
    def left(self) -> int:
        """Fits that are still to be done."""
        return self.total - self.kept - self.done

    def facts(self) -> dict[str, Any]:
        """Give what happened as plain JSON, for logs and metrics."""
        return {
            "store": self.store,
            "sweep": self.sweep,
            "state": self.state.value,
            "fits": self.total,
            "kept": self.kept,
            "done": self.done,
            "left": self.left,
            "failures": {status.reason: count for status, count in self.failures.items()},
            "unfinished": len(self.unfinished),
        }

    @property
    def no_fit(self) -> bool:
        """Whether the sweep has ended without a single usable result."""
        return bool(self.statuses) and not any(one.usable for one, count in self.statuses.items() if count)

    def summary(self) -> dict[str, Any]:
        """Tell what the run came to, with what its sweep has found by now, as plain values for programs.

        Returns
        -------
        dict
            As `beed run --summary` writes it, see `pipeline.sweep.attempts.run_summary.summarise_run`. The
            flat mappings ``params`` and ``metrics`` are what ``mlflow.log_params`` and ``mlflow.log_metrics``
            take.

        Raises
        ------
        StoreError
            The store cannot be read.

        Examples
        --------
        >>> import beed
        >>> report = beed.run_study(beed.load_study("study.yaml"))  # doctest: +SKIP
        >>> report.summary()["metrics"]["usable"]  # doctest: +SKIP
        48.0
        """
        from pipeline.results.result_store import open_store
        from pipeline.sweep.attempts.run_summary import summarise_run

        results = open_store(self.store, sweep=self.sweep)
        return summarise_run(self.facts() | {"seconds": self.seconds}, results)
