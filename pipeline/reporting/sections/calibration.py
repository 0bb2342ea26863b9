"""Whether the bands of forecasts are as wide as they should be, in pictures and words."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.reporting.blocks import Block, Bullets, Picture, Text
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.plots.validation import draw_coverage, draw_pit
from pipeline.results.tables.calibration import pit_groups
from pipeline.results.tables.comparison import LEVEL
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.verdict import Verdict
from pipeline.validation.calibration import coverage, uniformity
from pipeline.validation.windows import HOLDOUT, ROLLING

# A band that holds more or less than it says by this much is too wide or too narrow.
_OFF = 0.01


def calibration(tables: SweepTables, verdict: Verdict, titles: Mapping[str, str]) -> list[Block]:
    """Show where shares came in the forecasts of the verdict's model and the best baseline.

    ``titles`` say in words what forecasts of each future know.
    """
    contenders = [name for name in (verdict.model, verdict.baseline) if name is not None]
    kind = ROLLING if verdict.by == ROLLING else HOLDOUT
    cells = [
        (name, future, counts)
        for name in contenders
        for future in titles
        if (counts := pit_groups(tables, name, kind, future)).size and counts.sum()
    ]
    if not cells:
        return []
    panels = [(f"{name}: {titles[future]}", counts.sum(axis=0)) for name, future, counts in cells]
    label = "Histograms of where shares came in their forecast distributions, even bars being right"
    baselines = [name == verdict.baseline for name, _, _ in cells]
    figure, held = draw_pit(panels, baselines), draw_coverage(panels, baselines)
    of_held = "How many shares bands of every width held, against how many they say, by model"
    words = tuple(f"`{name}`, {titles[future]}: {describe_bands(counts)}" for name, future, counts in cells)
    return [
        Picture(
            inline_svg(figure, label, "pit"),
            "Where shares held out came in their forecast distributions (probability integral transforms). "
            "Even bars: bands hold what they say. Higher at both ends: bands are too narrow; in the middle: "
            "too wide; at one end: forecasts are too low or too high.",
        ),
        Picture(
            inline_svg(held, of_held, "coverage"),
            "Bands of every width: below the dashed line they hold fewer shares than they say.",
        ),
        Bullets(words),
        Text(
            "p-values are of a chi-square test that the bars are even, divided by how much the forecasts of "
            "one market after one origin hang together (Rao and Scott).",
            "note",
        ),
    ]


def describe_bands(groups: NDArray[np.int64]) -> str:
    """Say whether bands are too narrow or too wide, from counts (group, bin)."""
    half, most = coverage(groups, 0.5), coverage(groups, 0.9)
    held = f"bands of 50 % held {half:.0%} and bands of 90 % held {most:.0%} of the shares"
    test = uniformity(groups)
    if np.isnan(test.p):
        return f"{held}; too few forecasts for a test."
    if test.p >= LEVEL:
        return f"{held}, as they should as far as can be told (p = {test.p:.2g})."
    inner, outer = _width(half - 0.5), _width(most - 0.9)
    if inner == outer:
        verdict = (
            f"they are {inner}" if inner != "right" else "as wide as they should be, but not well placed"
        )
    else:
        verdict = f"the inner ones are {inner}, the outer ones {outer}"
    return f"{held}: {verdict} (p = {test.p:.2g})."


def _width(excess: float) -> str:
    return "right" if abs(excess) <= _OFF else "too wide" if excess > 0.0 else "too narrow"
