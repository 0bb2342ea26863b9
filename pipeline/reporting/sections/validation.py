"""The section that compares forecasts with baselines."""

import numpy as np

from pipeline.reporting.blocks import Block, Picture, Section, Text, grid
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.plots.validation import draw_errors, draw_horizons
from pipeline.reporting.sections.calibration import calibration
from pipeline.reporting.subject import ReportSubject
from pipeline.reporting.words import case_title, cases, describe_case, future_title
from pipeline.results.difference import describe_difference
from pipeline.results.frames.table import Table
from pipeline.results.summary.summary import Summary
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES

_NO_FORECASTS = (
    "The study asked for no forecasts, so models are not compared with baselines. The key `validation` asks "
    "for them."
)


def validation(subject: ReportSubject) -> Section:
    """Compare forecasts with baselines, with significance."""
    summary, baselines = subject.summary, subject.results.sweep.baselines
    comparisons = cases(summary.comparison)
    if not comparisons:
        return Section("validation", "Validation", (Text(_NO_FORECASTS),))
    figure = draw_errors([(case_title(case), case) for case in comparisons], baselines)
    blocks: list[Block] = [
        Picture(
            inline_svg(figure, "Mean errors of models and baselines, as bars", "errors"),
            "Root mean square error of share, mean over markets: models in colour, baselines in grey.",
        )
    ]
    blocks += compared(summary.comparison)
    if summary.horizons:
        blocks += _horizons(summary, baselines)
    titles = {future: future_title(future) for future in FUTURES}
    blocks += calibration(subject.results.tables, summary.verdict, titles)
    title = "All measures of error (means over markets; smaller is better)"
    blocks += grid(title, summary.validation, rows=100, folded=True)
    names = [name for name in METRICS if name in summary.validation.columns]
    blocks.append(Text(" ".join(f"{name}: {METRICS[name].long_name}." for name in names), "note"))
    return Section("validation", "Validation against baselines", tuple(blocks))


def compared(comparison: Table) -> tuple[Block, ...]:
    """Say case by case which forecasts have the smaller errors, of all markets or one.

    Parameters
    ----------
    comparison
        `pipeline.results.tables.comparison.comparisons` of them.
    """
    known = [case for case in cases(comparison) if np.isfinite(case["error"].astype(float)).any()]
    if not known:
        return (Text(_NO_FORECASTS),)
    tables = [block for case in known for block in grid(describe_case(case).capitalize(), _verdicts(case))]
    return (*tables, Text(_how_tested(str(known[0]["test"][0])), "note"))


def _horizons(summary: Summary, baselines: tuple[str, ...]) -> list[Block]:
    lines = [(future_title(future).capitalize(), table) for future, table in summary.horizons.items()]
    svg = inline_svg(
        draw_horizons(lines, baselines), "Errors of forecasts by periods ahead, as lines", "ahead"
    )
    blocks: list[Block] = [Picture(svg, "Errors by periods ahead: the three best models and all baselines.")]
    for title, table in lines:
        blocks += grid(f"Rmse by periods ahead of rolling origins: {title.lower()}", table, folded=True)
    return blocks


def _verdicts(case: Table) -> Table:
    words = [
        describe_difference(difference, error, p, against)
        for difference, error, p, against in zip(
            case["difference"].tolist(),
            case["error"].tolist(),
            case["p"].tolist(),
            case["against"],
            strict=True,
        )
    ]
    shown = ("error", "wins", "p", "better_in", "worse_in")
    failed = bool(np.any(case["cases"] < case["of"]))
    numbers = case.select((*shown, "cases", "of") if failed else shown)
    return Table({"model": case["model"], "verdict": np.array(words, dtype=object)} | dict(numbers.columns))


def _how_tested(test: str) -> str:
    over = (
        "p-values come from resampling the markets in pairs; better and worse count the markets in which "
        "Diebold and Mariano's test over time says so at 5 %."
        if test == "markets"
        else "p-values are those of Diebold and Mariano's test over time; with few forecasts they are rough."
    )
    return (
        f"{over} The reference is the best baseline of these very forecasts, and the "
        "best of many models is also the luckiest: a choice that must hold should be made on earlier periods."
    )
