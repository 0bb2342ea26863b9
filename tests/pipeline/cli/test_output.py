"""What nobody reads, cannot be written or cannot be shown; and what spreadsheets would compute."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import beed
from places import ROOT

from pipeline.errors import ExitCode, QueryError
from pipeline.results.frames.formats import format_table
from pipeline.results.frames.table import Table


def program(command):
    """Run the program by way of a shell; returns its exit code and what it says to the standard error."""
    text = command.replace("beed", f"{sys.executable} -m pipeline.cli")
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    return ended.returncode, ended.stderr, ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_that_cannot_be_written_is_a_sentence():
    code, err, _ = program("beed schema > /dev/full")
    assert code == ExitCode.FAILURE
    assert err == "beed: the output could not be written: No space left on device.\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    code, err, out = program("beed schema | head -c 20")
    assert (code, err) == (0, "")
    assert len(out) == 20


def test_a_terminal_without_greek_is_shown_question_marks():
    text = "from pipeline.cli.start import _make_output_safe; _make_output_safe(); print('γ = 1')"
    ended = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert (ended.returncode, ended.stdout) == (0, b"? = 1\n"), ended.stderr


def test_spreadsheets_are_given_no_formulas():
    texts = ["=1+1", "+1", "-x", "@SUM(A1)", "\tx", "Acme", "a=b", None, ""]
    table = Table({"firm": np.array(texts, dtype=object), "=value": np.linspace(-4.0, 4.0, 9)})
    plain = list(csv.reader(io.StringIO(str(format_table(table, "csv")))))
    safe = list(csv.reader(io.StringIO(str(format_table(table, "csv", spreadsheet_safe=True)))))
    assert plain[1][0] == "=1+1", "programs read what is there"
    assert safe[0] == ["firm", "'=value"]
    assert [row[0] for row in safe[1:6]] == ["'=1+1", "'+1", "'-x", "'@SUM(A1)", "'\tx"]
    assert [row[0] for row in safe[6:]] == ["Acme", "a=b", "", ""]
    assert [row[1] for row in safe[1:]] == [row[1] for row in plain[1:]], "numbers stay numbers"
    with pytest.raises(QueryError, match="--format csv only"):
        format_table(table, "json", spreadsheet_safe=True)


def test_queries_have_limits(filled, capsys):
    endless = "select count(*) from range(1000000000) a, range(1000) b where a.range * b.range % 7 = 3"
    code, _, err = beed(capsys, "query", filled.path, "--sql", endless, "--timeout", "1s")
    assert code == ExitCode.REFUSED
    assert "given up after 1 s" in err
    code, _, err = beed(capsys, "query", filled.path, "--timeout", "1s")
    assert code == ExitCode.REFUSED
    code, _, err = beed(capsys, "query", filled.path, "--sql", "select 1", "--timeout", "soon")
    assert code == ExitCode.REFUSED
    assert "expected a length of time" in err
    code, out, _ = beed(
        capsys, "query", filled.path, "--sql", "select '=1' as x", "--format", "csv", "--spreadsheet-safe"
    )
    assert (code, out) == (0, "x\n'=1\n")
