"""The command line, run in the process of a test."""

import pytest

from pipeline.cli.app import main


def beed(capsys, *arguments):
    """Run `beed` with these arguments; returns exit code, output, errors."""
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err
