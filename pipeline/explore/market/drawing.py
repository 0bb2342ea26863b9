"""Courses of shares as small drawings, one a firm: made again at every move of a slider."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 320.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 8.0, 8.0, 20.0
_TICKS = 4
# A share that hardly moves is not drawn as if it jumped.
_LEAST_SPAN = 1e-3


@dataclass(frozen=True, eq=False)
class Line:
    """One course of a share.

    Attributes
    ----------
    look
        Class of the line in the style of the page.
    first
        Position of its first value on the axis of periods.
    values
        nan where there is none.
    """

    look: str
    first: int
    values: np.ndarray


def draw_course(
    number: int, title: str, description: str, lines: Sequence[Line], ends: tuple[str, str], now: int
) -> str:
    """Draw the courses of one firm.

    Parameters
    ----------
    number
        Keeps the names of its parts apart from those of the other drawings of the page.
    title, description
        For screen readers, and when the pointer rests on it.
    lines
        Drawn in this order.
    ends
        Labels of the first and the last period.
    now
        Position of the last known period.

    Returns
    -------
    str
        An element ``<svg>``, with colours of the style of the page alone.
    """
    values = np.concatenate([line.values for line in lines])
    low, high = _range(values[np.isfinite(values)])
    last = max(line.first + line.values.size - 1 for line in lines)

    def across(period: np.ndarray | float) -> np.ndarray:
        return np.asarray(_LEFT + (WIDTH - _LEFT - _RIGHT) * np.asarray(period) / max(last, 1))

    def up(share: np.ndarray | float) -> np.ndarray:
        return np.asarray(
            HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (np.asarray(share) - low) / (high - low)
        )

    parts = [
        f'<svg role="img" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-labelledby="course-{number} said-{number}">'
        f'<title id="course-{number}">{escape(title)}</title>'
        f'<desc id="said-{number}">{escape(description)}</desc>'
    ]
    for tick in _ticks(low, high):
        y = float(up(tick))
        parts.append(f'<path class="rule" d="M{_LEFT:g} {y:.1f}H{WIDTH - _RIGHT:g}"/>')
        parts.append(
            f'<text x="{_LEFT - 5:g}" y="{y + 3.5:.1f}" text-anchor="end">{_percent(tick, high - low)}</text>'
        )
    x = float(across(now))
    parts.append(f'<path class="now" d="M{x:.1f} {_TOP:g}V{HEIGHT - _BOTTOM:g}"/>')
    base = HEIGHT - 5.0
    parts.append(f'<text x="{_LEFT:g}" y="{base:g}">{escape(ends[0])}</text>')
    parts.append(f'<text x="{WIDTH - _RIGHT:g}" y="{base:g}" text-anchor="end">{escape(ends[1])}</text>')
    for line in lines:
        place = across(line.first + np.arange(line.values.size))
        parts.append(f'<path class="course {line.look}" d="{_path(place, up(line.values))}"/>')
    return "".join([*parts, "</svg>"])


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """Join points, but those that are nan."""
    steps, pen_up = [], True
    for across, up in zip(x.tolist(), y.tolist(), strict=True):
        if np.isfinite(up):
            steps.append(f"{'M' if pen_up else 'L'}{across:.1f} {up:.1f}")
        pen_up = not np.isfinite(up)
    return "".join(steps)


def _range(values: np.ndarray) -> tuple[float, float]:
    """Give the ends of the axis of shares, some room included, within 0 and 1."""
    low, high = float(values.min()), float(values.max())
    room = max(0.08 * (high - low), 0.5 * (_LEAST_SPAN - (high - low)), 0.0)
    return max(low - room, 0.0), min(high + room, 1.0)


def _ticks(low: float, high: float) -> list[float]:
    """Give round values on an axis: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * times for times in (1.0, 2.0, 5.0, 10.0) if power * times >= rough)
    first = np.ceil(low / step - 1e-9)
    return [float(step * number) for number in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def _percent(share: float, span: float) -> str:
    places = max(0, int(np.ceil(-np.log10(span * 100.0 / _TICKS))))
    return f"{100.0 * share:.{min(places, 4)}f} %"
