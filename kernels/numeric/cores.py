"""How many processes can work at once here."""

import os


def usable_cores() -> int:
    """Count the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # containers and batch systems restrict it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
