"""What people see while a sweep runs: a progress bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.reporting.console.printing import print_line
from pipeline.sweep.before.cost import readable_seconds
from pipeline.sweep.plan import Plan
from pipeline.sweep.progress import Watcher

#: Seconds between two plain lines.
LINE_INTERVAL = 10.0


def choose_watcher(console: Console) -> Watcher:
    """Make a progress bar for a terminal and plain lines for a file, a pipe or a log."""
    return BarWatcher(console) if console.is_terminal else LineWatcher(console)


def kept_sentence(plan: Plan, kept: int) -> str:
    """Say what there is to do, and what an earlier run has done already."""
    todo = plan.fits - kept
    if not todo:
        return f"Nothing to do: all {plan.fits} fits of the sweep {plan.sweep} are in the store."
    markets, models = plan.n_markets, len(plan.models)
    asked = f"{markets} market{'s' * (markets != 1)} x {models} model{'s' * (models != 1)}"
    if len(plan.layout.windows) > 1:
        asked += f" x {len(plan.layout.windows)} windows"
    if kept:
        return f"Resuming {plan.sweep}: {kept} of {plan.fits} fits kept, {todo} to do ({asked})."
    return f"Calibrating {plan.sweep}: {todo} fits ({asked})."


class LineWatcher(Watcher):
    """Write a line for everything worth knowing, and for progress every ten seconds.

    Parameters
    ----------
    console
        Where to write.
    clock
        Gives the time in seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._todo = 0
        self._start = self._last = clock()

    def _line(self, text: str) -> None:
        print_line(self._console, text)

    def stage(self, text: str) -> None:
        """Write the stage as a line."""
        self._line(f"{text} ...")

    def note(self, text: str) -> None:
        """Write the note as a line."""
        self._line(f"Note: {text}")

    def planned(self, plan: Plan, kept: int) -> None:
        """Write what there is to do."""
        self._todo = plan.fits - kept
        self._start = self._last = self._clock()
        self._line(kept_sentence(plan, kept))

    def progress(self, done: int, failed: int, workers: int) -> None:
        """Write how far it is, not too often."""
        now = self._clock()
        if now - self._last < LINE_INTERVAL:
            return
        self._last = now
        parts = [f"{done} of {self._todo} fits ({done / max(self._todo, 1):.0%})"]
        if failed:
            parts.append(f"{failed} failed")
        parts.append(f"{workers} worker{'s' * (workers != 1)}" if workers else "waiting for workers")
        if done:
            left = (now - self._start) * (self._todo - done) / done
            parts.append(f"about {readable_seconds(left)} left")
        self._line(", ".join(parts))


class BarWatcher(Watcher):
    """Draw a progress bar with the time left; notes go above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def stage(self, text: str) -> None:
        """Write the stage in dim letters."""
        self._console.print(f"{text} ...", style="dim", markup=False, highlight=False)

    def note(self, text: str) -> None:
        """Write the note above the bar."""
        self._console.print(f"Note: {text}", style="yellow", markup=False, highlight=False)

    def planned(self, plan: Plan, kept: int) -> None:
        """Write what there is to do, and show the bar."""
        self._console.print(kept_sentence(plan, kept), markup=False, highlight=False)
        if kept == plan.fits:
            return
        self._bar = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f} fits"),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task("fits", total=plan.fits, completed=kept, state="starting workers")
        self._kept = kept
        self._bar.start()

    def progress(self, done: int, failed: int, workers: int) -> None:
        """Move the bar."""
        if self._bar is None:
            return
        state = f"{workers} worker{'s' * (workers != 1)}" if workers else "waiting for workers"
        if failed:
            state += f", {failed} failed"
        self._bar.update(self._task, completed=self._kept + done, state=state)

    def ended(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
