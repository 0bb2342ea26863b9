"""Units for other schedulers say when, what, and in which time zone."""

import shlex
import shutil
import subprocess

import growing
import pytest
import yaml

from pipeline.config.cron import parse_cron
from pipeline.config.load import load_study
from pipeline.errors import PlanError
from pipeline.vintages.units import Job, calendar_of, print_units


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    path = growing.write(folder, growing.rows(2))
    return Job(path, load_study(path), ("--set", "fit.starts=8"))


def with_schedule(job, text):
    study = load_study(
        job.path, [f"recalibration.schedule={text!r}" if text else "recalibration.schedule=null"]
    )
    return Job(job.path, study)


def test_cron(job):
    comment, zone, line = print_units([job], "cron").splitlines()
    assert comment.startswith("# ")
    assert zone == "CRON_TZ=UTC"
    assert line.startswith("0 6 * * 1 ")
    command = line.removeprefix("0 6 * * 1 ").replace("\\%", "%")
    assert "%" not in line.replace("\\%", ""), "a bare % ends a crontab's command"
    words = shlex.split(command)
    assert words[:5] == ["beed", "recalibrate", str(job.path.resolve()), "--set", "fit.starts=8"]
    shown = subprocess.run(
        ["/bin/sh", "-c", command.replace(words[0], "echo", 1)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split("--date ")[1].strip().count("-") == 2


def test_a_schedule_of_hours_has_moments_for_dates(job):
    assert "%Y-%m-%dT%H:%M:00" in print_units([with_schedule(job, "0 */6 * * *")], "kubernetes")


@pytest.mark.parametrize(
    ("text", "calendar"),
    [
        ("0 6 * * 1", "Mon *-*-* 06:00:00 UTC"),
        ("*/30 1,13 * * *", "*-*-* 01,13:00,30:00 UTC"),
        ("0 0 1 1-3 *", "*-01,02,03-01 00:00:00 UTC"),
        ("0 6 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 06:00:00 UTC"),
        ("0 * * * *", "*-*-* *:00:00 UTC"),
    ],
)
def test_calendars_of_systemd(text, calendar):
    assert calendar_of(parse_cron(text)) == calendar
    if shutil.which("systemd-analyze"):
        subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True)


def test_systemd(job, tmp_path):
    text = print_units([job], "systemd")
    service, timer = text.split("\n\n# /etc/systemd/system/")
    assert service.startswith("# /etc/systemd/system/beed-shops.service")
    assert "OnCalendar=Mon *-*-* 06:00:00 UTC" in timer
    assert "Persistent=true" in timer
    assert "%%Y" in service
    if shutil.which("systemd-analyze"):
        (tmp_path / "beed-shops.service").write_text(service)
        (tmp_path / "beed-shops.timer").write_text("# " + timer)
        units = [str(tmp_path / f"beed-shops.{kind}") for kind in ("service", "timer")]
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
        assert "beed-shops" not in done.stderr, done.stderr


def test_kubernetes(job):
    unit = yaml.safe_load(print_units([job], "kubernetes", image="registry/beed:1"))
    assert (unit["kind"], unit["metadata"]["name"]) == ("CronJob", "beed-shops")
    assert unit["spec"]["schedule"] == "0 6 * * 1"
    assert unit["spec"]["timeZone"] == "Etc/UTC"
    assert unit["spec"]["concurrencyPolicy"] == "Forbid"
    (container,) = unit["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry/beed:1"
    assert container["command"][2].startswith("beed recalibrate ")
    assert container["volumeMounts"][0]["mountPath"] == str(job.path.parent)


def test_what_cannot_be_printed_is_refused(job):
    with pytest.raises(PlanError, match="cron, systemd, kubernetes"):
        print_units([job], "at")
    with pytest.raises(PlanError, match="names seconds"):
        print_units([with_schedule(job, "*/5 * * * * *")], "cron")
    with pytest.raises(PlanError, match="has no schedule"):
        print_units([with_schedule(job, None)], "cron")


def test_units_start_the_program_that_they_are_given(job):
    program = ["/opt/my tools/python", "-m", "beed"]
    assert "'/opt/my tools/python' -m beed recalibrate" in print_units([job], "cron", program=program)
    assert "'/opt/my tools/python' -m beed recalibrate" in print_units([job], "systemd", program=program)


def test_units_limit_the_time_that_the_study_limits(job):
    limited = Job(job.path, load_study(job.path, ["recalibration.time_limit=2h"]))
    assert "timeout --signal=INT --kill-after=60 7200 beed recalibrate" in print_units([limited], "cron")
    assert "TimeoutStartSec=7200\n" in print_units([limited], "systemd")
    (unit,) = yaml.safe_load_all(print_units([limited], "kubernetes"))
    assert unit["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 7200
    for style in ("cron", "systemd", "kubernetes"):
        assert "imeout" not in print_units([job], style)
        assert "Deadline" not in print_units([job], style).replace("startingDeadline", "")
