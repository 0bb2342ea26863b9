"""The command line, run in this process."""

import pytest

from pipeline.cli.app import main


def beed(capsys, *arguments):
    """Run a command; returns exit code, output, errors."""
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err
