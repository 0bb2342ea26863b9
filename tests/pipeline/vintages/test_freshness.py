"""Late or broken data are refused with a sentence before anything is written."""

import re
from pathlib import Path

import growing
import pytest
from command_line import beed

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import DataError, ExitCode
from pipeline.panel.dates import LogicalDate
from pipeline.panel.findings import Problems
from pipeline.panel.open import open_study_panel
from pipeline.vintages.freshness import KnownLabels, check_freshness

WEEKS = 12
LAST = growing.week(WEEKS - 1)


def findings(folder, found, date=LAST, seen=None, *overrides):
    growing.write(folder, found)
    study = load_study(folder / "study.yaml", overrides)
    problems = Problems("panel.csv")
    check_freshness(open_study_panel(study), LogicalDate.parse(date), study.recalibration, seen, problems)
    return [str(problem) for problem in problems.listed()]


def changed(change, weeks=WEEKS, **options):
    """Rows of the last week, changed; None leaves a row out."""
    found = []
    for row in growing.rows(weeks, **options):
        new = change(dict(row)) if row["week"] == growing.week(weeks - 1) else row
        found += [] if new is None else [new]
    return found


def test_good_data_are_good(tmp_path):
    assert findings(tmp_path, growing.rows(WEEKS)) == []


def test_half_a_week(tmp_path):
    halved = changed(lambda row: row | {"sales": 0.5 * row["sales"]})
    found = findings(tmp_path, halved)
    assert len(found) == 4  # each of three markets, and all together
    assert re.search(
        rf"market 1, period {LAST}: got total sales of \d+(\.\d)?, \d\d% of what is usual", found[1]
    )
    assert "all 3 markets" in found[0]
    assert "--accept" in found[0]
    assert findings(tmp_path, halved, LAST, None, "recalibration.complete=0.3") == []


def test_half_the_markets(tmp_path):
    """No market is incomplete, and one is missing."""
    found = findings(tmp_path, changed(lambda row: None if row["store"] == 2 else row))
    assert len(found) == 1
    assert found[0].startswith(f"panel.csv: market 2, period {LAST}: got no rows")


def test_a_missing_brand(tmp_path):
    absent = changed(lambda row: None if (row["store"], row["brand"]) == (3, "A") else row)
    found = findings(tmp_path, absent)
    assert len(found) == 1
    assert found[0].startswith(f"panel.csv: market 3, firm A, period {LAST}: got no sales")
    assert "recalibration.exits" in found[0]
    assert findings(tmp_path, absent, LAST, None, "recalibration.exits=true") == []


def test_a_brand_that_comes_and_goes_may_go(tmp_path):
    gone = {growing.week(5), LAST}
    found = [row for row in growing.rows(WEEKS) if row["brand"] != "A" or row["week"] not in gone]
    assert findings(tmp_path, found) == []


def test_zero_sales(tmp_path):
    dead = changed(lambda row: row | {"sales": 0.0} if (row["store"], row["brand"]) == (1, "A") else row)
    found = findings(tmp_path, dead, LAST, None, "fit.residual=share")
    assert len(found) == 1
    assert "market 1, firm A" in found[0]
    assert "sales of 0" in found[0]
    with pytest.raises(DataError, match="market 1, firm A"):  # log-ratios cannot take them anyway
        findings(tmp_path, dead)


def test_one_of_many_markets_may_be_missing(tmp_path):
    """Of eighty stores one is closed in most weeks; of three it is news."""
    markets = range(1, 13)
    absent = changed(lambda row: None if row["store"] == 2 else row, markets=markets)
    assert findings(tmp_path, absent) == []
    study = load_study(tmp_path / "study.yaml")
    notes = check_freshness(
        open_study_panel(study), LogicalDate.parse(LAST), study.recalibration, None, Problems("")
    )
    assert notes == (f"market 2, period {LAST}: got no rows; expected the market as before.",)
    assert len(findings(tmp_path, absent, LAST, None, "recalibration.tolerance=0")) == 1
    halves = changed(lambda row: row | {"sales": row["sales"] / 2}, markets=markets)
    assert any("all 12 markets" in one for one in findings(tmp_path, halves))


def test_late_data(tmp_path):
    rows = growing.rows(WEEKS)
    assert findings(tmp_path, rows, growing.week(WEEKS)) == []  # the week that has only begun
    (found,) = findings(tmp_path, rows, growing.week(WEEKS + 1))
    assert (
        f"end with the period {LAST}, so that 2 periods up to {growing.week(WEEKS + 1)} are missing" in found
    )
    assert f"--date {LAST}" in found
    assert findings(tmp_path, rows, growing.week(WEEKS + 1), None, "recalibration.late=2") == []
    assert findings(tmp_path, rows, growing.week(900), None, "recalibration.late=null") == []
    assert findings(tmp_path, rows, growing.week(WEEKS), None, "recalibration={late: 0, delay: 7}") == []


def test_what_was_there_before_and_is_lost(tmp_path):
    growing.write(tmp_path, growing.rows(WEEKS))
    panel = open_study_panel(load_study(tmp_path / "study.yaml"))
    seen = KnownLabels(panel.markets, panel.times)
    rows = [row for row in growing.rows(WEEKS + 1) if row["store"] != 2 and row["week"] != growing.week(4)]
    found = findings(tmp_path, rows, growing.week(WEEKS), seen)
    assert [one.split(": got")[0] for one in found] == [
        "panel.csv: market 2",
        f"panel.csv: period {growing.week(4)}",
    ]


def test_every_new_period_is_looked_at(tmp_path):
    growing.write(tmp_path, growing.rows(9))
    panel = open_study_panel(load_study(tmp_path / "study.yaml"))
    seen = KnownLabels(panel.markets, panel.times)
    rows = growing.rows(WEEKS)
    for row in rows:
        if row["week"] in (growing.week(5), growing.week(10)) and row["store"] == 1:
            row["sales"] *= 0.3 if row["week"] == growing.week(10) else 0.5
    found = findings(tmp_path, rows, LAST, seen)
    assert len(found) == 1, "the sixth week was known before"
    assert growing.week(10) in found[0]


def test_nothing_is_written_and_the_last_vintage_stays(tmp_path, capsys):
    def recalibrate(*arguments):
        return beed(capsys, "recalibrate", tmp_path / "study.yaml", *arguments)

    half = changed(lambda row: row | {"sales": 0.5 * row["sales"]}, markets=(1,))
    growing.write(tmp_path, half)
    code, out, err = recalibrate("--date", LAST)
    assert code == ExitCode.REFUSED
    assert f"The data for {LAST} are refused and nothing was written: 1 problem" in err
    assert not (tmp_path / "runs").exists()
    assert recalibrate("--date", growing.week(WEEKS - 2))[0] == 0
    before = sorted(path for path in Path(tmp_path / "runs").rglob("*") if path.suffix != ".lock")
    code, out, err = recalibrate("--date", LAST)
    assert code == ExitCode.REFUSED
    assert f"the vintage of {growing.week(WEEKS - 2)} stays current" in err
    assert sorted(path for path in Path(tmp_path / "runs").rglob("*") if path.suffix != ".lock") == before
    assert open_store(tmp_path / "runs").panel()["time"].size == WEEKS - 1
    code, out, err = recalibrate("--date", LAST, "--accept")
    assert code in (ExitCode.OK, ExitCode.DRIFT)
    assert "Accepted: " in out
    assert open_store(tmp_path / "runs").panel()["time"].size == WEEKS
