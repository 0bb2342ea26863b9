"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config.engines import describe_engines, engines_with

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study: a YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the study, e.g. fit.starts=64; repeatable."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="KIND|ADDRESS",
        help=f"Who does the work: {describe_engines()}; "
        "or the address of a dask scheduler: tcp://host:8786, tls://...",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help=f"How many workers ({', '.join(engines_with('workers'))}); local: by default one a core.",
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Append a line of JSON to this file at the end of a run: sweep, fits done, failures by reason, "
        "seconds, peak memory, exit code.",
    ),
]
StorePath = Annotated[
    str, typer.Argument(metavar="STORE", help="The store: a folder, or s3://bucket/prefix.")
]
SweepName = Annotated[
    str | None, typer.Option("--sweep", help="Name of a sweep or study; by default the newest sweep.")
]
Date = Annotated[
    str | None,
    typer.Option("--date", metavar="D", help="What was believed at this date: the newest vintage up to it."),
]
Markets = Annotated[list[str] | None, typer.Option("--market", help="Only this market. May be repeated.")]
Model = Annotated[str | None, typer.Option(help="Only models of this name; * stands for anything.")]


def _table_format(style: str) -> str:
    """Refuse a format that there is not before anything is computed."""
    from pipeline.results.frames.formats import check_format

    return check_format(style)


def _text_or_json(style: str) -> str:
    from pipeline.results.frames.formats import check_format

    return check_format(style, ("table", "json"))


Format = Annotated[str, typer.Option("--format", callback=_table_format, help="table, csv, json or parquet.")]
#: Of commands whose answer is no table: sentences for people, or all of it as JSON.
PlainFormat = Annotated[str, typer.Option("--format", callback=_text_or_json, help="table or json.")]
RunSummary = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Write what the run came to into this file as JSON: counts, verdict, models, versions, and flat "
        "params and metrics for trackers of runs.",
    ),
]
SpreadsheetSafe = Annotated[
    bool,
    typer.Option(
        "--spreadsheet-safe",
        help="With --format csv: an apostrophe before texts that a spreadsheet would take for a formula.",
    ),
]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw it as well: a .png or .svg file.")
]
