"""The coordinator of a sweep: study -> panel -> plan -> workers -> store; resume, and an orderly end."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import psutil
import xarray as xr

from kernels.numeric.jit_helper import helped
from pipeline.config.engines import ENGINES
from pipeline.config.study import Study, require_study
from pipeline.errors import PlanError, StoreNotFoundError
from pipeline.executors.execute import refuse_unusable
from pipeline.executors.worker import count_workers
from pipeline.models.ladder import climb
from pipeline.panel.open import open_study_panel
from pipeline.panel.panel import Panel
from pipeline.store.format.layout import CONTENT_HASH, sweep_name
from pipeline.store.store import Store
from pipeline.sweep.attempts.deadline import stop_at
from pipeline.sweep.attempts.retry import RetryRun
from pipeline.sweep.before.cost import WORKER_BYTES, refuse_disk, refuse_memory
from pipeline.sweep.before.trial import Estimate, estimate
from pipeline.sweep.calibrator import Calibrator, default_calibrator
from pipeline.sweep.plan import BLOCK_BYTES, Plan, plan
from pipeline.sweep.progress import Watcher
from pipeline.sweep.report import RunReport
from pipeline.sweep.run import SweepOptions, SweepRun


def plan_study(
    study: Study,
    panel: Panel,
    *,
    calibrator: Calibrator | None = None,
    chunk: int | None = None,
    check: bool = True,
) -> Plan:
    """Plan a study on its panel; see :func:`pipeline.sweep.plan.plan`."""
    return _plan_completed(climb(study, panel), panel, calibrator or default_calibrator(), chunk, check)


def _plan_completed(
    study: Study, panel: Panel, calibrator: Calibrator, chunk: int | None, check: bool
) -> Plan:
    """Plan a study whose ladder, if it has one, is complete."""
    return plan(
        study,
        panel,
        describe=lambda variant: calibrator.describe(variant, study, panel.firms, panel.entries),
        columns=lambda variant, firms: calibrator.columns(variant, study, firms),
        chunk=chunk,
        check=check,
    )


def estimate_study(
    study: Study, panel: Panel, plan: Plan, *, calibrator: Calibrator | None = None
) -> Estimate:
    """Make a few fits of a planned study, unless a run would be refused as too large.

    See :func:`pipeline.sweep.before.trial.estimate`.

    Raises
    ------
    PlanError
        When neither disk nor memory would hold the results.
    ClusterError
        The package of the cluster is missing, or its class takes no such options.
    """
    refuse_unusable(study.cluster)
    _refuse_too_large(study, plan)
    return estimate(climb(study, panel), panel, plan, calibrator or default_calibrator())


def run_study(
    study: Study,
    *,
    study_text: str = "",
    watcher: Watcher | None = None,
    calibrator: Calibrator | None = None,
    stop: threading.Event | None = None,
    options: SweepOptions | None = None,
) -> RunReport:
    """Run a study to its end, going on where an earlier run left off.

    Parameters
    ----------
    study
        What is asked.
    study_text
        The study's file, kept in the store.
    watcher
        Told how it goes.
    calibrator
        How models are calibrated; by default `pipeline.sweep.calibrator.default_calibrator`.
    stop
        Set it to end the run early, as Ctrl-C does; what is finished is kept.
    options
        What may be asked beside the study: the time it may take, fits to be done again.

    Returns
    -------
    RunReport
        The sweep, how many fits were made and failed, and how long it took.

    Raises
    ------
    DataError, PlanError
        Before anything is written.
    BusyError
        Another process is running this study on this store.
    StoreError, ClusterError
        What was committed before stays; run again to resume.

    Examples
    --------
    >>> import beed
    >>> study = beed.load_study("configs/ledger.yaml", ["models.form=investment", "store=runs/short"])
    >>> report = beed.run_study(study)
    >>> beed.open_store("runs/short").models
    ('investment-linear', 'investment-saturating')
    """
    require_study(study)
    watcher = watcher or Watcher()
    watcher.stage("Reading the data")
    calibrator = calibrator or default_calibrator()
    with _compiled_with_help(study, calibrator):
        panel = open_study_panel(study)
        return run_panel(
            study,
            panel,
            study_text=study_text,
            watcher=watcher,
            calibrator=calibrator,
            stop=stop,
            options=options,
        )


def _compiled_with_help(study: Study, calibrator: Calibrator) -> AbstractContextManager[None]:
    """Have a second process compile kernels until all are; simulating data already takes many of them."""
    here = ENGINES[study.cluster.kind].where != "elsewhere"
    return helped(calibrator.precompile) if here and calibrator.precompile else nullcontext()


def run_panel(
    study: Study,
    panel: Panel,
    *,
    study_text: str = "",
    watcher: Watcher | None = None,
    calibrator: Calibrator | None = None,
    stop: threading.Event | None = None,
    options: SweepOptions | None = None,
) -> RunReport:
    """Run a study on a panel that is open already; see `run_study`.

    Parameters
    ----------
    study, panel
        What is asked, and the data.
    study_text, watcher, calibrator, stop
        As for `run_study`.
    options
        For vintages: the name of the sweep, the sweep to go on from, and more.

    Returns
    -------
    RunReport
    """
    start = time.monotonic()
    refuse_unusable(study.cluster)
    watcher, options = watcher or Watcher(), options or SweepOptions()
    calibrator = calibrator or default_calibrator()
    name = options.name or sweep_name(study.study, study.content_hash, panel.content_hash)
    location = study.store_location
    chunk = _existing_chunk(location, name)
    study_hash, study = study.content_hash, climb(study, panel)
    planned = _plan_completed(study, panel, calibrator, chunk, check=chunk is None)
    planned = replace(planned, sweep=name)
    if chunk is None:
        if options.retry is not None:
            raise PlanError(f"The sweep {name} is not in the store at {location}: there is nothing to retry.")
        _refuse_too_large(study, planned)
    for warning in planned.warnings:
        watcher.note(str(warning))
    store = Store.open_or_create(location, durable=study.store_durable)
    layout = planned.layout
    store.write_panel(panel.content_hash, _blocks(study, panel, planned), layout.markets, layout.chunk)
    sweep = store.create_sweep(
        study=study.study,
        study_text=study_text or study.model_dump_json(indent=2),
        study_json=study.model_dump_json(),
        study_hash=study_hash,
        data_hash=panel.content_hash,
        layout=layout,
        name=name,
        attributes=options.attributes,
    )
    stop = stop or threading.Event()
    with sweep.hold(stop.set):
        attempt = SweepRun if options.retry is None else RetryRun
        run = attempt(study, planned, sweep, calibrator, watcher, stop, options)
        with stop_at(options.deadline, run.up):
            report = run.go()
    return replace(report, store=location, seconds=time.monotonic() - start)


def _existing_chunk(location: str, name: str) -> int | None:
    """Give the markets in a chunk of a sweep that was begun before."""
    try:
        return Store.open(location).sweep(name).info.chunk
    except StoreNotFoundError:
        return None


def _blocks(study: Study, panel: Panel, planned: Plan) -> Iterator[xr.Dataset]:
    """Load the panel a bounded number of markets at a time, whole chunks; with the truth if simulated."""
    attributes = {}
    if study.simulate is not None:
        from pipeline.panel.simulated import simulated_truth

        attributes["truth"] = simulated_truth(study)
    chunk = planned.layout.chunk
    for block in panel.blocks(max(BLOCK_BYTES // max(planned.size.bytes * chunk, 1), 1) * chunk):
        hashes = [panel.market_hashes[market] for market in block["market"].values.tolist()]
        yield block.assign_attrs(attributes).assign_coords({CONTENT_HASH: ("market", hashes)})


def _refuse_too_large(study: Study, planned: Plan) -> None:
    """Refuse before anything is written what neither disk nor memory would hold."""
    refuse_disk(planned.bytes + planned.size.bytes * planned.n_markets, study.store_location)
    if workers := count_workers(study.cluster):
        longest = max(model.chunks_per_task for model in planned.models) * planned.layout.chunk
        results = planned.bytes // (planned.n_markets * len(planned.models))
        task_bytes = longest * (planned.size.bytes + results)
        refuse_memory(WORKER_BYTES + 3 * task_bytes, workers, psutil.virtual_memory().available)
