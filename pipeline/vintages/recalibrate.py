"""Keep a calibration current: one vintage for a date, from what has changed since the one before."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.errors import DataError, StoreConflictError, StoreNotFoundError
from pipeline.names import Label
from pipeline.panel.dates import LogicalDate, Span
from pipeline.panel.findings import Problems
from pipeline.panel.open import open_study_panel
from pipeline.panel.panel import Panel
from pipeline.results.results import Results
from pipeline.results.vintages import Vintage, sweep_of, vintages_of
from pipeline.status import Status
from pipeline.store.format.layout import CONTENT_HASH, LOGICAL_DATE, SINCE, SweepState, group_path, sweep_name
from pipeline.store.location import Location
from pipeline.store.locks import recalibration_held
from pipeline.store.read import SweepInfo, open_arrays, read_sweeps
from pipeline.store.store import Store
from pipeline.store.sweep import Sweep
from pipeline.sweep.calibrator import Calibrator
from pipeline.sweep.coordinator import run_panel
from pipeline.sweep.progress import Watcher
from pipeline.sweep.run import RunReport, SweepOptions
from pipeline.sweep.task_runner import ParentSweep
from pipeline.vintages.drift import Drift, compute_drift
from pipeline.vintages.freshness import Seen, check_freshness

Outcome = Literal["published", "done", "interrupted"]


@dataclass(frozen=True)
class RecalibrationReport:
    """What a recalibration came to.

    Attributes
    ----------
    store, vintage
        Where, and what it is called.
    outcome
        ``published``; ``done`` when it had been published before; ``interrupted`` when work is left.
    before
        The vintage that it went on from, if any.
    fitted, carried
        Markets fitted, and markets whose fits were taken over.
    why
        A sentence on what was fitted.
    run
        What the calibrations came to.
    drift
        Against the vintage before.
    """

    store: str
    vintage: Vintage
    outcome: Outcome
    before: Vintage | None = None
    fitted: int = 0
    carried: int = 0
    why: str = ""
    run: RunReport | None = None
    drift: Drift | None = None


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
        What is asked; its section `recalibration` says on which periods.
    date
        What the calibration is for, e.g. ``"2026-03-31"``: periods labelled later are not looked at. By
        default today (UTC), or the last period where periods are numbers.
    study_text
        The study's file, kept in the store.
    accept
        Take the data as they are, however late or broken they look.
    watcher, calibrator, stop
        As for `pipeline.sweep.coordinator.run_study`.

    Returns
    -------
    RecalibrationReport

    Raises
    ------
    DataError
        The data are wrong, late or broken; nothing was written, and the last vintage stays current.
    BusyError
        Someone else recalibrates into this store.
    """
    watcher = watcher or Watcher()
    if date is not None and not isinstance(date, LogicalDate):
        date = LogicalDate.parse(str(date))
    location = Location.parse(study.store_location)
    with ExitStack() as held:
        store = _open(location)
        if store is not None:
            # Said at once, before any data are read; a new store has nobody at it yet.
            if date is not None and (done := _published(store, study, date)):
                return done
            held.enter_context(recalibration_held(location.root))
        watcher.stage("Reading the data")
        panel, date = _open_panel(study, date)
        if store is not None and (done := _published(store, study, date)):
            return done
        name = sweep_name(f"{study.study}-{date}", study.content_hash, panel.content_hash)
        before = _before(store, study, date, name)
        _refuse_broken(study, panel, date, before, accept, watcher)
        if store is None:
            held.enter_context(recalibration_held(location.root))
        return _publish(study, panel, date, name, before, study_text, watcher, calibrator, stop)


@dataclass(frozen=True)
class _Before:
    """The vintage before, as its sweep and its data."""

    vintage: Vintage
    info: SweepInfo
    panel: xr.Dataset
    crashed: NDArray[Any]


def _publish(
    study: Study,
    panel: Panel,
    date: LogicalDate,
    name: str,
    before: _Before | None,
    study_text: str,
    watcher: Watcher,
    calibrator: Calibrator | None,
    stop: threading.Event | None,
) -> RecalibrationReport:
    vintage = Vintage(study.study, date)
    changed, why = _changed(study, panel, before)
    watcher.note(why)
    drift: list[Drift] = []

    def before_end(sweep: Sweep) -> None:
        if before is not None:
            since = before.vintage.date.key
            watcher.stage(f"Comparing with the vintage of {since}")
            store = Store.open(study.store_location)
            old, new = (Results(store, sweep=one) for one in (before.info.name, sweep.name))
            drift.append(compute_drift(since, old, new, study.recalibration.thresholds))
            found = drift[0]
            sweep.write_drift(found.market_arrays(), found.model_arrays(), found.attributes())

    parent = None if before is None else ParentSweep(before.info.name, changed, study.recalibration.starts)
    run = run_panel(
        study,
        panel,
        study_text=study_text,
        watcher=watcher,
        calibrator=calibrator,
        stop=stop,
        options=SweepOptions(
            name=name,
            parent=parent,
            attributes={LOGICAL_DATE: date.key, SINCE: None if before is None else before.vintage.date.key},
            before_end=before_end,
        ),
    )
    report = RecalibrationReport(
        store=run.store,
        vintage=vintage,
        outcome="interrupted",
        before=None if before is None else before.vintage,
        fitted=int(changed.sum()),
        carried=int((~changed).sum()),
        why=why,
        run=run,
        drift=drift[0] if drift else None,
    )
    if run.state != SweepState.DONE:
        return report
    store = Store.open(run.store)
    try:
        store.tag(vintage.tag)
    except StoreConflictError:  # on an object store, where nobody can be locked out
        return replace(report, outcome="done")
    return replace(report, outcome="published")


def _open(location: Location) -> Store | None:
    try:
        return Store.open(location.url)
    except StoreNotFoundError:
        return None


def _published(store: Store, study: Study, date: LogicalDate) -> RecalibrationReport | None:
    vintage = Vintage(study.study, date)
    if vintage.tag not in store.tags():
        return None
    return RecalibrationReport(store.location.url, vintage, "done")


def _open_panel(study: Study, date: LogicalDate | None) -> tuple[Panel, LogicalDate]:
    """Open the periods that a calibration for a date may see."""
    asked = study.recalibration
    limit = date or LogicalDate.today()
    span = Span(limit.dated, last=limit.ordinal - asked.delay)
    panel = open_study_panel(study, span)
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
    if asked.rolling is not None:
        period = panel.load(slice(0, 1))["period"].values
        first = panel.times[period > period[-1] - asked.rolling][0]
        panel.close()
        panel = open_study_panel(study, replace(span, first=LogicalDate.of_label(first).ordinal))
    return panel, limit


def _before(store: Store | None, study: Study, date: LogicalDate, name: str) -> _Before | None:
    """Find the vintage to go on from: the newest earlier one, or what an interrupted run went on from."""
    if store is None:
        return None
    session = store.session()
    sweeps = read_sweeps(session)
    begun = next((info for info in sweeps if info.name == name), None)
    known = vintages_of(store.tags(), study.study)
    if begun is not None:
        known = tuple(one for one in known if one.date.key == begun.attributes.get(SINCE))
    earlier = [one for one in known if one.date < date and one.date.dated == date.dated]
    if not earlier:
        return None
    info = sweep_of(sweeps, earlier[-1])
    crashed = np.zeros(info.n_markets, dtype=np.bool_)
    for model in info.models:
        status = open_arrays(session, group_path(info.name, "fits", model))["status"][...]
        crashed |= (np.asarray(status) == Status.WORKER_CRASHED).any(axis=1)
    return _Before(earlier[-1], info, store.panel(info.data_hash), crashed)


def _changed(study: Study, panel: Panel, before: _Before | None) -> tuple[NDArray[np.bool_], str]:
    """Tell the markets that have to be fitted, and say why."""
    everything = np.ones(len(panel.markets), dtype=np.bool_)
    if before is None:
        return everything, "There is no earlier vintage: all markets are calibrated."
    if before.info.study_hash != study.content_hash:
        return everything, (
            f"The study has changed since the vintage of {before.vintage.date}: all markets are calibrated "
            "anew, from where they were."
        )
    known: dict[Label, str] = {}
    if CONTENT_HASH in before.panel:
        hashes = zip(
            before.panel["market"].values.tolist(),
            before.panel[CONTENT_HASH].values.tolist(),
            before.crashed.tolist(),
            strict=True,
        )
        known = {market: digest for market, digest, crashed in hashes if not crashed}
    changed = np.array([known.get(market) != digest for market, digest in panel.market_hashes.items()])
    periods = np.setdiff1d(panel.times, before.panel["time"].values).size
    return changed, (
        f"Since the vintage of {before.vintage.date}: {periods} new period{'s' * (periods != 1)}; the data "
        f"of {int(changed.sum())} of {changed.size} markets have changed, and these are calibrated anew."
    )


def _refuse_broken(
    study: Study, panel: Panel, date: LogicalDate, before: _Before | None, accept: bool, watcher: Watcher
) -> None:
    seen = None
    if before is not None:
        seen = Seen(before.panel["market"].values, before.panel["time"].values)
    problems = Problems("" if study.data is None else study.data.location)
    for note in check_freshness(panel, date, study.recalibration, seen, problems):
        watcher.note(note)
    if not problems:
        return
    if accept:
        for problem in problems.listed():
            watcher.note(f"Accepted: {problem}")
        return
    stays = "" if before is None else f"; the vintage of {before.vintage.date} stays current"
    raise DataError(f"The data for {date} are refused and nothing was written{stays}", problems.listed())
