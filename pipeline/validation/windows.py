"""Windows of periods to calibrate on, and the periods after them that are forecast."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.sections.fit import ValidationSection

ALL = "all"
"""Window of all periods; nothing is kept back."""
HOLDOUT = "holdout"
"""Window of the periods before the last part, which is forecast whole."""
INNER = "inner"
"""Windows before the first origin: their forecasts have no part in any comparison, but models are chosen by
them (`models: auto`)."""
ROLLING = "rolling"
"""Windows that end at rolling origins; each forecasts the periods right after it."""

GIVEN, CARRIED = "given", "carried"
FUTURES = (GIVEN, CARRIED)
"""What forecasts know of the periods ahead: their efforts and the market's total as they were (a conditional
forecast), or the last ones carried forward (an unconditional forecast)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A set of periods to calibrate on: all from the first up to an origin.

    Attributes
    ----------
    name
        Label along the axis ``window``.
    kind
        `ALL`, `HOLDOUT`, `INNER` or `ROLLING`.
    holdout
        Fraction of the periods, the last ones, kept from this window; in [0, 1).
    back
        Further periods before these that the window does not have.
    horizon
        Periods forecast at most; None: all that were kept back.
    part
        Of the periods that this leaves, the part that it has; below 1 for `INNER` windows, which then
        forecast no further than those periods.
    """

    name: str
    kind: str
    holdout: float = 0.0
    back: int = 0
    horizon: int | None = None
    part: float = 1.0

    def n_training(self, n_times: int) -> int:
        """Count the periods to calibrate on in a market of ``n_times`` periods; may be 0."""
        return round(self._limit(n_times) * self.part)

    def _limit(self, n_times: int) -> int:
        return max(n_training(n_times, self.holdout) - self.back, 0)

    def n_ahead(self, n_times: int) -> int:
        """Count the periods to forecast in a market of ``n_times`` periods."""
        count = self.n_training(n_times)
        if self.kind == ALL or count < 1:
            return 0
        if self.kind == INNER:
            longest = n_times - n_training(n_times, self.holdout) or n_times
            return max(min(self.horizon or longest, self._limit(n_times) - count), 0)
        return n_times - count if self.horizon is None else min(self.horizon, self.back)


def windows_of(section: ValidationSection) -> tuple[Window, ...]:
    """List the windows of a study: all periods, those before the holdout, and those before each origin.

    Rolling origins lie ``step`` periods apart, the last one ``step`` periods before the end. Beside a holdout
    that end is where the holdout begins: what is chosen by rolling origins is then tested on periods that no
    choice has seen.

    Parameters
    ----------
    section : ValidationSection

    Returns
    -------
    tuple of Window
        Origins in the order of time.
    """
    windows = [Window(ALL, ALL)]
    if section.holdout > 0.0:
        windows.append(Window(HOLDOUT, HOLDOUT, section.holdout))
    back, horizon = section.step * section.origins, section.horizon if section.origins else None
    for inner in range(section.inner):
        # Spread over the second half of what is before the first origin, as those of the shrinkage are.
        part = 0.5 + 0.5 * inner / section.inner
        windows.append(Window(f"{INNER}-{inner + 1}", INNER, section.holdout, back, horizon, part))
    for origin in range(1, section.origins + 1):
        back = section.step * (section.origins - origin + 1)
        windows.append(Window(f"{ROLLING}-{origin}", ROLLING, section.holdout, back, section.horizon))
    return tuple(windows)


def kind_of(name: str) -> str:
    """Kind of the window with this name."""
    return next((kind for kind in (ROLLING, INNER) if name.startswith(f"{kind}-")), name)


def n_steps(windows: Sequence[Window], n_times: int) -> int:
    """Count the periods ahead that any window forecasts in markets of at most ``n_times`` periods."""
    return max(window.n_ahead(n_times) for window in windows)


def n_training(n_times: int, holdout: float) -> int:
    """Count the periods to calibrate on when the last fraction ``holdout`` of them is kept back.

    Parameters
    ----------
    n_times : int
        Periods of the market.
    holdout : float
        Fraction in [0, 1).

    Returns
    -------
    int
        Rounded, and at least one less than ``n_times`` when anything is to be kept back.
    """
    if holdout <= 0.0:
        return n_times
    return max(min(round(n_times * (1.0 - holdout)), n_times - 1), 0)
