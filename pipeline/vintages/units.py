"""Ready units for those who have a scheduler: crontab lines, systemd timers, Kubernetes CronJobs."""

import os
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.cron import Cron, parse_cron
from pipeline.config.sections.location import is_url
from pipeline.config.study import Study
from pipeline.errors import ExitCode, PlanError

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_DAY, _MOMENT = "%Y-%m-%d", "%Y-%m-%dT%H:%M:00"


@dataclass(frozen=True)
class Job:
    """A study to be recalibrated on schedule.

    Attributes
    ----------
    path
        Its file.
    study
        What it says.
    options
        Further arguments of ``beed recalibrate``.
    """

    path: Path
    study: Study
    options: tuple[str, ...] = ()

    @property
    def cron(self) -> Cron:
        """Its schedule."""
        return schedule_of(self.study)

    @property
    def name(self) -> str:
        """Name of the unit: lower case letters, digits and dashes."""
        return "beed-" + re.sub(r"[^a-z0-9]+", "-", self.study.study.lower()).strip("-")

    def command(self, program: Sequence[str], *, limited: bool = False) -> str:
        """Write the command for a shell, with its time limit if asked; the date is the moment it runs."""
        form = _DAY if self.cron.daily_at_most else _MOMENT
        words = [*program, "recalibrate", str(self.path.resolve()), *self.options]
        if limited and (seconds := self.study.recalibration.seconds) is not None:
            words = ["timeout", "--signal=INT", "--kill-after=60", f"{seconds:.0f}", *words]
        return f"{shlex.join(words)} --date `date -u +{form}`"


def schedule_of(study: Study) -> Cron:
    """Give the schedule of a study.

    Raises
    ------
    PlanError
        It has none.
    """
    text = study.recalibration.schedule
    if text is None:
        raise PlanError(
            f"The study {study.study} has no schedule; write one into it, in UTC, e.g. "
            "recalibration: {schedule: '0 6 * * 1'}."
        )
    return parse_cron(text)


def print_units(
    jobs: Sequence[Job], style: str, program: Sequence[str] = ("beed",), image: str = "beed:latest"
) -> str:
    """Write the units of some studies.

    Parameters
    ----------
    jobs
        The studies.
    style
        ``cron``, ``systemd`` or ``kubernetes``.
    program
        The words that start beed, for cron and systemd.
    image
        Container image, for Kubernetes.

    Raises
    ------
    PlanError
        Another style, a study without a schedule, or a schedule of seconds.
    """
    styles: dict[str, Callable[[Sequence[Job]], str]] = {
        "cron": lambda some: _crontab(some, program),
        "systemd": lambda some: _systemd(some, program),
        "kubernetes": lambda some: _kubernetes(some, image),
    }
    if style not in styles:
        raise PlanError(f"Got --print {style}; expected {', '.join(styles)}.")
    for job in jobs:
        if job.cron.seconds_given:
            raise PlanError(
                f"The schedule {job.cron.text!r} of {job.study.study} names seconds, which {style} units "
                "leave out; write five fields, or use `beed schedule` itself."
            )
    return styles[style](jobs)


def _crontab(jobs: Sequence[Job], program: Sequence[str]) -> str:
    lines = [
        "# For `crontab -e`. Exit codes: "
        f"{int(ExitCode.DRIFT)} parameters have drifted, {int(ExitCode.REFUSED)} data refused, "
        f"{int(ExitCode.BUSY)} running elsewhere.",
        "CRON_TZ=UTC",
    ]
    for job in jobs:
        # A percent sign ends the command in a crontab.
        command = job.command(program, limited=True).replace("%", "\\%")
        lines.append(f"{job.cron.text} {command}")
    return "\n".join(lines) + "\n"


def _systemd(jobs: Sequence[Job], program: Sequence[str]) -> str:
    return "\n".join(_service(job, program) + "\n" + _timer(job) for job in jobs)


def _service(job: Job, program: Sequence[str]) -> str:
    # In units a percent sign and a dollar sign stand for something else unless doubled.
    command = job.command(program).replace("\\", "\\\\").replace('"', '\\"')
    command = command.replace("%", "%%").replace("$", "$$")
    seconds = job.study.recalibration.seconds
    limit = "" if seconds is None else f"\nTimeoutStartSec={seconds:.0f}\nKillSignal=SIGINT"
    return f"""# /etc/systemd/system/{job.name}.service
[Unit]
Description=Recalibrate {job.study.study}

[Service]
Type=oneshot{limit}
WorkingDirectory={job.path.resolve().parent}
ExecStart=/bin/sh -c "{command}"
# Someone else is at it: no failure. Exit code {int(ExitCode.DRIFT)} (drift) is one, for OnFailure=.
SuccessExitStatus={int(ExitCode.BUSY)}
"""


def _timer(job: Job) -> str:
    return f"""# /etc/systemd/system/{job.name}.timer, then: systemctl enable --now {job.name}.timer
[Unit]
Description=When to recalibrate {job.study.study}

[Timer]
OnCalendar={calendar_of(job.cron)}
Persistent=true

[Install]
WantedBy=timers.target
"""


def calendar_of(cron: Cron) -> str:
    """Write a schedule as systemd does: ``Mon *-*-* 06:00:00 UTC``."""

    def listed(numbers: tuple[int, ...] | None) -> str:
        return "*" if numbers is None else ",".join(f"{number:02d}" for number in numbers)

    date = f"*-{listed(cron.month)}-{listed(cron.day)}"
    time = ":".join(map(listed, (cron.hour, cron.minute, cron.second)))
    days = [] if cron.weekday is None else [",".join(_WEEKDAYS[day] for day in cron.weekday)]
    return " ".join([*days, date, time, "UTC"])


def _kubernetes(jobs: Sequence[Job], image: str) -> str:
    documents = [yaml.safe_dump(_cron_job(job, image), sort_keys=False, width=100) for job in jobs]
    return "---\n".join(documents)


def _cron_job(job: Job, image: str) -> dict[str, Any]:
    folder = _folder(job)
    container = {
        "name": "beed",
        "image": image,
        "command": ["/bin/sh", "-c", job.command(["beed"])],
        "volumeMounts": [{"name": "files", "mountPath": folder}],
    }
    # Neither drift nor refused data become better when the same command is run again.
    final = [int(ExitCode.DRIFT), int(ExitCode.REFUSED)]
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "beed", "operator": "In", "values": final}}
    claim = {"persistentVolumeClaim": {"claimName": "beed"}}
    seconds = job.study.recalibration.seconds
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "files", **claim}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": job.name[:52].rstrip("-")},
        "spec": {
            "schedule": job.cron.text,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 86400,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 3,
                    **({} if seconds is None else {"activeDeadlineSeconds": round(seconds)}),
                    "podFailurePolicy": {"rules": [rule]},
                    "template": {"spec": pod},
                }
            },
        },
    }


def _folder(job: Job) -> str:
    """Folder that holds the study and all of its files that are not elsewhere."""
    places = [str(job.path.resolve().parent), job.study.store_location]
    places += [] if job.study.data is None else [str(Path(job.study.data.location).parent)]
    return os.path.commonpath([str(Path(place).resolve()) for place in places if not is_url(place)])
