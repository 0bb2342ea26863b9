"""The command line: arguments in, one call, exit code out."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from pipeline.cli import ahead, stores, studies, time
from pipeline.errors import BeedError, ExitCode

_EXIT_CODES = {
    ExitCode.OK: "done",
    ExitCode.FAILURE: "something unforeseen, or work was left undone",
    ExitCode.REFUSED: "the study, the data or the arguments were refused; nothing was written",
    ExitCode.DRIFT: "done, and parameters have drifted beyond the study's thresholds",
    ExitCode.STORE: "the store is missing, damaged, of another format, or cannot be written",
    ExitCode.CLUSTER: "the cluster cannot be reached, or lost its workers",
    ExitCode.BUSY: "someone else is doing this work at the moment",
    ExitCode.NO_FIT: "done, and not a single fit has a usable result",
    ExitCode.TIME_UP: "the time given was up; everything finished has been kept",
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
#: All commands, in the order of the help. A new one is a function with typed options, and a line here.
COMMANDS = (
    studies.run,
    studies.check,
    studies.schema,
    stores.runs,
    stores.prune,
    stores.query,
    stores.show,
    stores.report,
    stores.export,
    ahead.forecast,
    ahead.plan,
    ahead.game,
    time.recalibrate,
    time.history,
    time.schedule,
)
for _command in COMMANDS:
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
