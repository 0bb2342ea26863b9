"""What a sweep costs before it runs: seconds by a rule of thumb, bytes, and whether the computer has them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.sections.fit import FitSection
from pipeline.errors import PlanError

# Measured on one slow core; the display corrects the estimate while the sweep runs.
_CELL_COLUMN = 5.0e-9  # s per cell (firm and period) and column of the Jacobian: one evaluation
_NORMAL_EQUATIONS = 0.1e-9  # s per residual and pair of columns: one step
_STEPS = 20  # steps of one local fit
_REPLICATE_STEPS = 6  # of a bootstrap replicate, which starts at the optimum
_LMFIT = 3.0e-3  # s that lmfit spends on itself in one fit
# of all rounds that weight beliefs in the start and the gain by the residuals they lead to
_SETTLING_STEPS = 40
# s per fit for everything around it: composing, default intervals, checks of residuals, of many fits at once.
_FIXED = 2.5e-3
# Steps for every free parameter of the profiles that `recommended` takes of doubtful ones, as of a quarter:
# how many there are shows only in the fits.
_PROFILE_STEPS = 6
# How many times an evaluation costs where the period has no closed form (γ estimated).
_FORM = {"investment": 1.0, "scaled": 3.0, "proportional": 1.0}
#: Bytes of a worker process before it has seen any data: interpreter, libraries, compiled code.
WORKER_BYTES = 350 * 2**20


@dataclass(frozen=True, slots=True)
class MarketSize:
    """Size of a typical market: firms, periods, efforts."""

    firms: int
    periods: int
    efforts: int

    @property
    def bytes(self) -> int:
        """Bytes of its data."""
        return 8 * self.firms * self.periods * (self.efforts + 1)


def seconds_per_fit(size: MarketSize, form: str, columns: int, fit: FitSection, replicates: int) -> float:
    """Estimate the time of one fit on one core.

    Parameters
    ----------
    columns
        Free parameters.
    replicates
        Further fits that start near the optimum: bootstrap replicates, points of profiles.

    Returns
    -------
    float
        Seconds.
    """
    cells = size.firms * size.periods
    step = _FORM[form] * cells * (columns + 2) * _CELL_COLUMN + cells * columns**2 * _NORMAL_EQUATIONS
    screening = fit.starts * _STEPS * step
    lmfit = 0.0 if fit.method == "compiled" else _LMFIT
    polishing = fit.polish * (lmfit + _STEPS * step)
    settling = _SETTLING_STEPS * step if "estimated" in (fit.initial, *fit.gain) else 0.0
    further = (_PROFILE_STEPS * columns + _REPLICATE_STEPS * replicates) * step
    return _FIXED + screening + settling + polishing + further


def refuse_disk(needed: int, location: str) -> None:
    """Raise when a local store would not fit on its disk.

    Parameters
    ----------
    needed
        Bytes still to be written, before compression (noise does not compress).
    location
        Path or URL of the store; the space behind a URL is not known.

    Raises
    ------
    PlanError
    """
    if "://" in location:
        return
    folder = next(
        path for path in (Path(location).absolute(), *Path(location).absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise PlanError(
            f"The results need about {readable_bytes(needed)} in {location}, and the disk has "
            f"{readable_bytes(free)} free. Choose another 'store', or fewer models, starts or replicates."
        )


def refuse_memory(per_worker: int, workers: int, available: int) -> None:
    """Raise when the workers of this computer would not fit in its memory together.

    Parameters
    ----------
    per_worker
        Bytes that one worker holds at most.
    available
        Bytes of memory that are free.

    Raises
    ------
    PlanError
    """
    if workers * per_worker > available:
        fitting = available // per_worker
        remedy = (
            f"Run with --workers {fitting}." if fitting else "Split the panel into markets with less data."
        )
        raise PlanError(
            f"{workers} worker{'s' * (workers != 1)} of {readable_bytes(per_worker)} each need "
            f"{readable_bytes(workers * per_worker)} of memory, and {readable_bytes(available)} are free. "
            + remedy
        )


def readable_bytes(count: float) -> str:
    """Write a number of bytes for people: ``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def readable_seconds(seconds: float) -> str:
    """Write a duration for people: ``0.4 s``, ``3 min 20 s``, ``5 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
