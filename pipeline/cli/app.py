"""The command line: arguments in, one call, exit code out."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from pipeline.cli import ahead, allocate, explore, plan, stores, studies, time
from pipeline.cli.causes import effects, experiment
from pipeline.cli.first_steps import demo, init
from pipeline.cli.leaving import run_and_leave
from pipeline.cli.memory import memory_sentence
from pipeline.cli.output import output_is_lost
from pipeline.errors import BeedError, ExitCode
from pipeline.signals import Stopped, raised_signal
from pipeline.urls import without_user_info

EXIT_CODES = {
    ExitCode.OK: "done",
    ExitCode.FAILURE: "something unforeseen, or work was left undone",
    ExitCode.REFUSED: "the study, the data or the arguments were refused; nothing was written",
    ExitCode.DRIFT: "done, and parameters have drifted beyond the study's thresholds",
    ExitCode.STORE: "the store is missing, damaged, of another format, or cannot be written",
    ExitCode.CLUSTER: "the cluster cannot be reached, or lost its workers",
    ExitCode.BUSY: "someone else is doing this work at the moment",
    ExitCode.NO_FIT: "done, and not a single fit has a usable result",
    ExitCode.TIME_UP: "the time given was up; everything finished has been kept",
    ExitCode.UNREACHABLE: "answered: the target of the plan cannot be reached within its bounds",
    ExitCode.HANGUP: "stopped by SIGHUP; everything finished has been kept",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, likewise",
    ExitCode.TERMINATED: "stopped by SIGTERM, likewise",
}

app = typer.Typer(
    name="beed",
    help="Calibrate the Basic Equation of Economic Dynamics: how marketing moves market shares.",
    epilog="Exit codes: " + "; ".join(f"{code.value} {text}" for code, text in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
#: All commands, in the order of the help. A new one is a function with typed options, and a line here.
COMMANDS = (
    init.init,
    demo.demo,
    studies.run,
    studies.check,
    studies.schema,
    stores.runs,
    stores.prune,
    stores.verify,
    stores.query,
    stores.show,
    explore.explore,
    stores.report,
    stores.export,
    effects.effects,
    effects.explain,
    effects.returns,
    experiment.experiment,
    ahead.forecast,
    plan.plan,
    allocate.allocate,
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
        By default those of the process, which then ends here and now (see `pipeline.cli.leaving`). With
        arguments of its own `SystemExit` is raised as usual.
    """
    if arguments is None:
        run_and_leave(lambda: _run(None))
    _run(list(arguments))


def _run(arguments: list[str] | None) -> NoReturn:
    try:
        app(args=arguments, prog_name="beed")
    except BeedError as error:
        # What refuses a URL does not repeat its password; this is for the messages of libraries.
        print(f"beed: {without_user_info(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Stopped as stopped:
        print(f"beed: {stopped}", file=sys.stderr)
        sys.exit(stopped.exit_code)
    except (MemoryError, ImportError, OSError) as error:
        sentence = memory_sentence(error)
        if sentence is None and (reason := output_is_lost()) is not None:
            sentence = f"beed: the output could not be written: {reason}."
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        sys.exit(ExitCode.FAILURE)
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            sys.exit(ExitCode.OK)  # whoever read it has seen enough (`| head`)
        raise
    except Exception:
        # A library written in C called Python when a signal came, dropped `Stopped`, and stumbled over that.
        if (number := raised_signal()) is None:
            raise
        print(f"beed: {Stopped(number)}", file=sys.stderr)
        sys.exit(128 + number)
    sys.exit(ExitCode.OK)
