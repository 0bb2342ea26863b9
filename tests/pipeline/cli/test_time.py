"""Commands about time: units for other schedulers start this very program."""

import shlex
from pathlib import Path

import growing
import pytest

from pipeline.cli.app import main


def test_printed_units_name_the_program_by_its_full_path(tmp_path, capsys):
    study = growing.write(tmp_path, growing.rows(2))
    with pytest.raises(SystemExit) as done:
        main(["schedule", str(study), "--print", "cron"])
    assert done.value.code == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("0 6 * * 1 ")
    program, *arguments = shlex.split(command.replace("\\%", "%"))
    assert Path(program).is_absolute()
    assert Path(program).is_file()
    assert arguments[-6:-2] == ["recalibrate", str(study), "--date", "`date"]
