"""How a run is watched: the coordinator tells, others show it."""

from pipeline.sweep.plan import Plan


class Watcher:
    """Hears how the run goes; this one ignores it. Methods are called from the coordinator's thread."""

    def stage(self, text: str) -> None:
        """Hear that something that takes a while begins: a piece of a sentence."""

    def note(self, text: str) -> None:
        """Hear something worth a line: a sentence."""

    def planned(self, plan: Plan, kept: int) -> None:
        """Hear that the work is known, and that `kept` fits of it are in the store already."""

    def progress(self, done: int, failed: int, workers: int) -> None:
        """Hear how many fits of this run are done, how many of these failed, and how many threads work."""

    def ended(self) -> None:
        """Hear that no more progress will come."""
