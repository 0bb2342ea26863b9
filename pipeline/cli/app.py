"""The command line: arguments in, one call, exit code out."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from pipeline.cli.ahead import forecast, game, plan
from pipeline.cli.stores import export, query, report, runs, show
from pipeline.cli.studies import check, run, schema
from pipeline.cli.time import history, recalibrate, schedule
from pipeline.errors import BeedError, ExitCode

_EXIT_CODES = {
    ExitCode.OK: "done",
    ExitCode.FAILURE: "something unforeseen, or work was left undone",
    ExitCode.REFUSED: "the study, the data or the arguments were refused; nothing was written",
    ExitCode.DRIFT: "done, and parameters have drifted beyond the study's thresholds",
    ExitCode.STORE: "the store is missing, damaged, of another format, or cannot be written",
    ExitCode.CLUSTER: "the cluster cannot be reached, or lost its workers",
    ExitCode.BUSY: "someone else is doing this work at the moment",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C; everything finished has been kept",
}

app = typer.Typer(
    name="beed",
    help="Calibrate the Basic Equation of Economic Dynamics: how marketing moves market shares.",
    epilog="Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in _EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_STUDIES = (run, check, schema)
_STORES = (runs, query, show, report, export)
_AHEAD = (forecast, plan, game)
_TIME = (recalibrate, history, schedule)
for _command in (*_STUDIES, *_STORES, *_AHEAD, *_TIME):
    app.command()(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with one of :class:`pipeline.errors.ExitCode`.

    Parameters
    ----------
    arguments
        By default those of the process.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="beed")
    except BeedError as error:
        print(f"beed: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("beed: stopped.", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(ExitCode.OK)
