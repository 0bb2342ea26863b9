"""The sections of a report that are tables and words: models, validation, identifiability, drift, origin."""

import json
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.blocks import Block, Bullets, Code, Facts, Picture, Section, Text, grid
from pipeline.reporting.plots.svg import inline_svg
from pipeline.reporting.plots.validation import draw_errors, draw_horizons
from pipeline.reporting.words import cases, describe_case, findings, percentage, verdict
from pipeline.results.tables.frame import Table
from pipeline.validation.metrics import METRICS

if TYPE_CHECKING:
    from pipeline.results.results import ResultStore
    from pipeline.results.summary import Summary

_SHORT = {"holdout": "held out", "rolling": "rolling origins"}
_FUTURES = {"given": "efforts given", "carried": "efforts carried forward"}
_SENTENCES = 12


def overview(results: "ResultStore", summary: "Summary", model: str | None) -> Section:
    """Say what was done, and what was found."""
    panel, info = results.panel(), results.sweep
    times = [str(time) for time in results.tables.labels("time")]
    efforts = ", ".join(str(name) for name in panel["effort"].values)
    fits = int(np.sum(summary.models["usable"]))
    facts = {
        "markets": str(info.n_markets),
        "firms": str(panel.sizes["firm"]),
        "periods": f"{len(times)}, from {_day(times[0])} to {_day(times[-1])}",
        "efforts": efforts,
        "models": str(len(info.models)),
        "usable fits to all periods": f"{fits} of {len(info.models) * info.n_markets}",
        "state of the sweep": info.state.value,
    }
    blocks: list[Block] = [Bullets(findings(summary, model)), Facts(facts)]
    if info.state.value != "done":
        blocks.insert(0, Text("This sweep is not finished: what follows is what it has so far.", "warning"))
    return Section("summary", "In short", tuple(blocks))


def best_models(summary: "Summary") -> Section:
    """Show how well each model fits, which is chosen, and what γ says of the markets."""
    store = "`beed query STORE --sort aic` gives all"
    blocks = (
        *grid(f"Models (fits to {_window(summary.window)}; medians over markets)", summary.models, rows=40),
        *grid(
            "Choice by fit (criteria summed over markets) and by forecast density (stacking)", summary.choice
        ),
        *grid("Best model by market", summary.best, rows=12, all_of_them=store),
        *_recovered(summary),
        *grid(
            "Returns to scale γ (markets in each regime) and half-life, in periods", summary.regimes, rows=40
        ),
        Text(
            "AIC, AICc and BIC weigh fit against the number of parameters: smaller is better, and a "
            "difference of 10 is decisive. γ < 1: firms of different strength coexist; γ > 1: who is ahead "
            "pulls away.",
            "note",
        ),
    )
    return Section("models", "Best models", blocks)


def validation(results: "ResultStore", summary: "Summary") -> Section:
    """Hold forecasts against baselines, with significance."""
    found = cases(summary.comparison)
    if not found:
        text = "The study asked for no forecasts, so nothing is said of models against baselines. "
        return Section("validation", "Validation", (Text(text + "The key `validation` asks for them."),))
    baselines = results.sweep.baselines
    panels = [(_title(case), case) for case in found]
    blocks: list[Block] = [
        Picture(
            inline_svg(
                draw_errors(panels, baselines), "Mean errors of models and baselines, as bars", "errors"
            ),
            "Root mean square error of share, mean over markets: models in colour, baselines in grey.",
        )
    ]
    for case in found:
        blocks += grid(describe_case(case).capitalize(), _verdicts(case))
    test = str(found[0]["test"][0])
    blocks.append(Text(_how_tested(test), "note"))
    if summary.horizons:
        lines = [
            (_FUTURES.get(future, future).capitalize(), table) for future, table in summary.horizons.items()
        ]
        svg = inline_svg(
            draw_horizons(lines, baselines), "Errors of forecasts by periods ahead, as lines", "ahead"
        )
        blocks.append(Picture(svg, "Errors by periods ahead: the three best models and all baselines."))
        for title, table in lines:
            blocks += grid(f"Rmse by periods ahead of rolling origins: {title.lower()}", table, folded=True)
    title = "All measures of error (means over markets; smaller is better)"
    blocks += grid(title, summary.validation, rows=100, folded=True)
    names = [name for name in METRICS if name in summary.validation.columns]
    blocks.append(Text(" ".join(f"{name}: {METRICS[name].long_name}." for name in names), "note"))
    return Section("validation", "Validation against baselines", tuple(blocks))


def identifiability(summary: "Summary") -> Section:
    """Say what the data do not tell."""
    blocks: list[Block] = []
    if len(summary.undetermined):
        blocks.append(Text("Undetermined: the data cannot tell, and no standard error is given.", "warning"))
        blocks.append(_directions(summary.undetermined))
    else:
        blocks.append(Text("In no fit is a parameter, or a combination of parameters, left undetermined."))
    if len(summary.weak):
        blocks.append(Text("Hardly determined: single values are unsure, though something of them is known."))
        blocks.append(_directions(summary.weak))
    else:
        blocks.append(Text("No combination of parameters is badly determined."))
    blocks += grid("Parameters at a bound: the data want more than the study allows", summary.at_bounds)
    blocks += grid("Errors correlated from one period to the next", summary.serial)
    if len(summary.serial):
        text = "Where errors are correlated, intervals of the method covariance are too narrow: "
        blocks.append(Text(text + "trust those of autoregressive, hac or bootstrap.", "note"))
    blocks += grid("Failures by reason", summary.failures, rows=40)
    return Section("identifiability", "What the data do not tell", tuple(blocks))


def origin(results: "ResultStore") -> Section:
    """Say where the numbers come from, so that they can be had again."""
    info = results.sweep
    versions = info.attributes.get("versions", {})
    facts = {
        "store": results.store.location.url,
        "sweep": info.name,
        "snapshot": results.snapshot,
        "created": info.created,
        "hash of the data": info.data_hash,
        "hash of the study": info.study_hash,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()) or "unknown",
    }
    blocks: list[Block] = [Facts(facts)]
    if info.study_text:
        blocks.append(Code("The study", info.study_text))
    settings = info.attributes.get("study_json")
    if settings:
        text = json.dumps(json.loads(settings), indent=1, ensure_ascii=False)
        blocks.append(Code("The study with all defaults", text))
    return Section("origin", "Where this comes from", tuple(blocks))


def _recovered(summary: "Summary") -> tuple[Block, ...]:
    blocks = grid("Recovered against the truth of the simulation", summary.recovered, rows=40)
    note = "mean and spread: over markets; covered: part of the markets whose 95 % interval holds the truth."
    return (*blocks, Text(note, "note")) if blocks else ()


def _directions(table: Table) -> Bullets:
    rows = list(table.rows())
    said = [
        f"`{model}`: {what} (in {percentage(fits, of, 'fits')}"
        + (f", for example market {example})." if of > 1 else ").")
        for model, what, fits, of, example, *_ in rows[:_SENTENCES]
    ]
    if len(rows) > _SENTENCES:
        said.append(f"… and {len(rows) - _SENTENCES} more: `beed show STORE`.")
    return Bullets(tuple(said))


def _verdicts(case: Table) -> Table:
    words = [
        verdict(difference, error, np.nan if p is None else p, against)
        for difference, error, p, against in zip(
            case["difference"].tolist(),
            case["error"].tolist(),
            case["p"].tolist(),
            case["against"],
            strict=True,
        )
    ]
    names = ("model", "error", "wins", "p", "better_in", "worse_in")
    found = {name: case[name] for name in names}
    return Table({"model": found.pop("model"), "verdict": np.array(words, dtype=object)} | found)


def _how_tested(test: str) -> str:
    over = (
        "p-values come from resampling the markets in pairs; better and worse count the markets in which "
        "Diebold and Mariano's test over time says so at 5 %."
        if test == "markets"
        else "p-values are those of Diebold and Mariano's test over time; with few forecasts they are rough."
    )
    return (
        f"{over} The one a contender is held against is the best baseline of these very forecasts, and the "
        "best of many models is also the luckiest: a choice that must hold should be made on earlier periods."
    )


def _title(case: Table) -> str:
    window, future = str(case["window"][0]), str(case["future"][0])
    return f"{_SHORT.get(window, window).capitalize()}, {_FUTURES.get(future, future)}"


def _window(name: str) -> str:
    return "all periods" if name == "all" else name


def _day(time: str) -> str:
    return time.removesuffix(".000000000").removesuffix("T00:00:00")
