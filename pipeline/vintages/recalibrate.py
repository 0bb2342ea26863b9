"""Keep a calibration current: one vintage for a date, from what has changed since the one before."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.config.study import Study, require_study
from pipeline.errors import DataError, ExitCode, StoreConflictError, StoreNotFoundError
from pipeline.panel.dates import LogicalDate, Span
from pipeline.panel.findings import Problems
from pipeline.panel.open import open_study_panel
from pipeline.panel.panel import Panel
from pipeline.results.results import Results
from pipeline.results.vintages import Vintage
from pipeline.store.format.layout import LOGICAL_DATE, SINCE, SweepState, sweep_name
from pipeline.store.location import Location
from pipeline.store.locks import recalibration_held
from pipeline.store.store import Store
from pipeline.store.sweep import Sweep
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.coordinator import run_panel
from pipeline.sweep.progress import Watcher
from pipeline.sweep.report import RunReport
from pipeline.sweep.run import SweepOptions
from pipeline.sweep.task_runner import ParentSweep
from pipeline.vintages.drift import Drift, compute_drift
from pipeline.vintages.freshness import KnownLabels, check_freshness
from pipeline.vintages.previous import PreviousVintage, find_changed, find_previous

RecalibrationOutcome = Literal["published", "done", "interrupted"]


@dataclass(frozen=True)
class RecalibrationReport:
    """How a recalibration ended.

    Attributes
    ----------
    store, vintage
        Where the vintage is, and what it is called.
    outcome
        ``published``; ``done`` when it had been published before; ``interrupted`` when work is left.
    before
        The vintage that it went on from, if any.
    fitted, carried
        Markets fitted, and markets whose fits were taken over.
    why
        A sentence on what was fitted.
    run
        How the calibrations ended.
    drift
        How far the markets have moved since the vintage before.
    """

    store: str
    vintage: Vintage
    outcome: RecalibrationOutcome
    before: Vintage | None = None
    fitted: int = 0
    carried: int = 0
    why: str = ""
    run: RunReport | None = None
    drift: Drift | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        if self.run is not None and self.run.unfinished:
            return ExitCode.FAILURE
        if self.outcome == "interrupted":
            return ExitCode.INTERRUPTED
        if self.run is not None and self.run.no_fit:
            return ExitCode.NO_FIT
        if self.drift is not None and self.drift.alarm and self.outcome == "published":
            return ExitCode.DRIFT
        return ExitCode.OK


def recalibrate_study(
    study: Study,
    date: LogicalDate | str | int | None = None,
    *,
    study_text: str = "",
    accept: bool = False,
    watcher: Watcher | None = None,
    calibrator: Calibrator | None = None,
    stop: threading.Event | None = None,
) -> RecalibrationReport:
    """Calibrate a study on its data up to a date and publish that as a vintage; once.

    Parameters
    ----------
    study
        The study; its section `recalibration` says which periods are used.
    date
        What the calibration is for, e.g. ``"2026-03-31"``: periods labelled later are not looked at. By
        default today (UTC), or the last period where periods are numbers.
    study_text
        The study's file, kept in the store.
    accept
        Use the data as they are, however late or broken they look.
    watcher, calibrator, stop
        As for `pipeline.sweep.coordinator.run_study`.

    Returns
    -------
    RecalibrationReport
        The vintage, what was fitted and taken over, and the drift since the last one.

    Raises
    ------
    DataError
        The data are wrong, late or broken; nothing was written, and the last vintage stays current.
    BusyError
        Someone else recalibrates into this store.

    Examples
    --------
    >>> import beed
    >>> study = beed.load_study("configs/ledger.yaml", ["models.form=investment", "store=runs/kept"])
    >>> report = beed.recalibrate_study(study, "2025-11-30")
    >>> beed.open_store("runs/kept", date="2025-12-31").models
    ('investment-linear', 'investment-saturating')
    """
    require_study(study)
    stop = stop or threading.Event()
    request = _Request(study, study_text, accept, watcher or Watcher(), calibrator, stop)
    if date is not None and not isinstance(date, LogicalDate):
        date = LogicalDate.parse(str(date))
    location = Location.parse(study.store_location)
    with ExitStack() as locks:
        store = _open(location)
        if store is not None:
            # A date that has been published is told before any data are read. Nobody can hold a store yet
            # that does not exist.
            if date is not None and (done := _published(store, study, date)):
                return done
            locks.enter_context(store.recalibration_held(stop.set))
        request.watcher.stage("Reading the data")
        panel, date = _open_panel(study, date)
        if store is not None and (done := _published(store, study, date)):
            return done
        name = sweep_name(f"{study.study}-{date}", study.content_hash, panel.content_hash)
        previous = None if store is None else find_previous(store, study, date, name)
        _refuse_broken(request, panel, date, previous)
        if store is None:  # on an object store the lease of the sweep does
            locks.enter_context(recalibration_held(location.root))
        return _publish(request, panel, Vintage(study.study, date), name, previous)


@dataclass(frozen=True)
class _Request:
    """What `recalibrate_study` is asked for, but the date."""

    study: Study
    study_text: str
    accept: bool
    watcher: Watcher
    calibrator: Calibrator | None
    stop: threading.Event | None


def _publish(
    request: _Request,
    panel: Panel,
    vintage: Vintage,
    name: str,
    previous: PreviousVintage | None,
) -> RecalibrationReport:
    """Calibrate what has changed, compare with the vintage before, and tag the sweep when it is complete."""
    study = request.study
    changed, why = find_changed(study, panel, previous)
    request.watcher.note(why)
    drift: list[Drift] = []

    def before_end(sweep: Sweep) -> None:
        if previous is not None:
            drift.append(_write_drift(request, previous, sweep))

    parent, since = None, None
    if previous is not None:
        parent = ParentSweep(previous.info.name, changed, study.recalibration.starts)
        since = previous.date.key
    run = run_panel(
        study,
        panel,
        study_text=request.study_text,
        watcher=request.watcher,
        calibrator=request.calibrator,
        stop=request.stop,
        options=SweepOptions(name, parent, {LOGICAL_DATE: vintage.date.key, SINCE: since}, before_end),
    )
    report = RecalibrationReport(
        store=run.store,
        vintage=vintage,
        outcome="interrupted",
        before=None if previous is None else previous.vintage,
        fitted=int(changed.sum()),
        carried=int((~changed).sum()),
        why=why,
        run=run,
        drift=drift[0] if drift else None,
    )
    if run.state != SweepState.DONE:
        return report
    try:
        Store.open(run.store, durable=request.study.store_durable).tag(vintage.tag)
    except StoreConflictError:  # on an object store, where nobody can be locked out
        return replace(report, outcome="done")
    return replace(report, outcome="published")


def _write_drift(request: _Request, previous: PreviousVintage, sweep: Sweep) -> Drift:
    """Compare a sweep with the vintage before, and keep the result with the sweep."""
    since = previous.date.key
    request.watcher.stage(f"Comparing with the vintage of {since}")
    store = Store.open(request.study.store_location)
    old, new = (Results(store, sweep=name) for name in (previous.info.name, sweep.name))
    drift = compute_drift(since, old, new, request.study.recalibration.thresholds)
    sweep.write_drift(drift.market_arrays(), drift.model_arrays(), drift.attributes())
    return drift


def _open(location: Location) -> Store | None:
    try:
        return Store.open(location.url)
    except StoreNotFoundError:
        return None


def _published(store: Store, study: Study, date: LogicalDate) -> RecalibrationReport | None:
    """Report a vintage that has been published before."""
    vintage = Vintage(study.study, date)
    if vintage.tag not in store.tags():
        return None
    return RecalibrationReport(store.location.url, vintage, "done")


def _open_panel(study: Study, date: LogicalDate | None) -> tuple[Panel, LogicalDate]:
    """Open the periods that a calibration for a date may see."""
    settings = study.recalibration
    limit = date or LogicalDate.today()
    span = Span(limit.dated, last=limit.ordinal - settings.delay)
    panel: Panel = open_study_panel(study, span)
    dated = panel.times.dtype.kind == "M"
    if date is None and not dated:
        limit = LogicalDate.of_label(panel.times[-1])
        span = Span(False)
    if limit.dated != dated:
        problems = Problems("" if study.data is None else study.data.location)
        got = f"the date {limit}, and periods that are {'dates' if dated else 'numbers'}"
        expected = "a date" if dated else f"the number of a period, as {panel.times[-1]}"
        hint = "" if dated else "A schedule needs periods that are dates."
        problems.add("dates", "--date", got, expected, hint)
        problems.raise_if_any()
    if settings.rolling is not None:
        period = panel.load(slice(0, 1))["period"].values
        first = panel.times[period > period[-1] - settings.rolling][0]
        panel.close()
        panel = open_study_panel(study, replace(span, first=LogicalDate.of_label(first).ordinal))
    return panel, limit


def _refuse_broken(
    request: _Request, panel: Panel, date: LogicalDate, previous: PreviousVintage | None
) -> None:
    study, known = request.study, None
    if previous is not None:
        known = KnownLabels(previous.panel["market"].values, previous.panel["time"].values)
    problems = Problems("" if study.data is None else study.data.location)
    for note in check_freshness(panel, date, study.recalibration, known, problems):
        request.watcher.note(note)
    if not problems:
        return
    if request.accept:
        for problem in problems.listed():
            request.watcher.note(f"Accepted: {problem}")
        return
    stays = "" if previous is None else f"; the vintage of {previous.date} stays current"
    raise DataError(f"The data for {date} are refused and nothing was written{stays}", problems.listed())
