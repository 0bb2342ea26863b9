"""What one field cannot tell: combinations of sections that make no sense, names that refer to nothing."""

import re
from collections.abc import Collection
from pathlib import Path

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.checks.fit import check_fit
from pipeline.config.checks.ledger import check_exists, check_ledger
from pipeline.config.checks.models import check_curves, check_models
from pipeline.config.checks.recalibration import check_recalibration
from pipeline.config.checks.simulate import check_simulate
from pipeline.config.checks.uncertainty import check_uncertainty
from pipeline.config.engines import ENGINES
from pipeline.config.parameters import RESERVED
from pipeline.config.sections.cluster import ClusterSection
from pipeline.config.sections.data import EFFORT_FUNCTIONS, EXTENSIONS, DataSection
from pipeline.config.sections.fit import ValidationSection
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.location import is_url
from pipeline.config.sections.models import CARRY_OVER_KEYS, RESPONSE_KEYS
from pipeline.config.study import Study
from pipeline.config.yaml.document import Document
from pipeline.config.yaml.document import Path as KeyPath
from pipeline.config.yaml.findings import Findings
from pipeline.config.yaml.messages import one_of
from pipeline.errors import Problem

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_study(study: Study, document: Document, wrong: Collection[KeyPath] = ()) -> dict[KeyPath, Problem]:
    """Check a study whose fields are right one by one.

    Parameters
    ----------
    study
        The study.
    document
        What it was read from, for lines.
    wrong
        Keys that hold something harmless in place of something wrong: nothing is concluded from them.

    Returns
    -------
    dict
        Problems by the path of their key.
    """
    findings = Findings(document, wrong)
    if study.data is None and study.simulate is None and findings.clean("data", "simulate"):
        findings.add(("data",), "neither data nor simulate", "one of these two sections")
    if study.data is not None and study.simulate is not None:
        findings.add(("simulate",), "both data and simulate", "one of these two sections")
    if study.data is not None:
        _check_data(study.data, findings)
    _check_effort_names(study, findings)
    check_curves(study, findings)
    check_models(study, findings)
    check_fit(study, findings)
    check_uncertainty(study, findings)
    check_recalibration(study, findings)
    if study.simulate is not None:
        check_simulate(study, study.simulate, findings)
    _check_validation(study.validation, findings)
    _check_cluster(study.cluster, findings)
    return findings.problems


def _check_validation(validation: ValidationSection, findings: Findings) -> None:
    if validation.baselines and not (validation.holdout or validation.origins):
        expected = "a holdout > 0 (or origins) beside baselines: the part of the periods that they forecast"
        findings.add(("validation", "holdout"), f"{validation.holdout:g}", expected)
    for key in ("horizon", "step"):
        if key in validation.model_fields_set and not validation.origins:
            expected = f"origins > 0 beside {key}: how many rolling origins there are"
            findings.add(("validation", "origins"), f"{validation.origins}", expected)


def _check_effort_names(study: Study, findings: Findings) -> None:
    section = "data" if study.data is not None else "simulate"
    taken = RESERVED | RESPONSE_KEYS | CARRY_OVER_KEYS
    for name in study.efforts:
        location = (section, "efforts", name)
        if not _NAME.fullmatch(name):
            expected = "a name of letters, digits and underscores that does not begin with a digit"
            findings.add(location, f"the effort {name!r}", expected)
        elif name in taken:
            findings.add(location, f"the effort {name!r}", f"another name: studies use {name!r} themselves")


def _check_data(data: DataSection | LedgerSection, findings: Findings) -> None:
    for name, effort in data.efforts.items():
        if effort.formula is not None:
            _check_formula(("data", "efforts", name, "formula"), effort.formula, findings)
    if data.filter is not None:
        _check_formula(("data", "filter"), data.filter, findings)
    if isinstance(data, LedgerSection):
        check_ledger(data, findings)
        return
    _check_file(data, findings)
    roles = {"market": data.market, "firm": data.firm, "time": data.time, "sales": data.sales}
    seen: dict[str, str] = {}
    for role, column in roles.items():
        if column is not None and column in seen:
            expected = f"another column: {column!r} is the {seen[column]} already"
            findings.add(("data", role), f"the column {column!r}", expected)
        elif column is not None:
            seen[column] = role


def _check_file(data: DataSection, findings: Findings) -> None:
    if data.format is None and not data.file.lower().endswith(tuple(EXTENSIONS)):
        expected = f"a file that ends in {one_of(EXTENSIONS)}, or the key format"
        findings.add(("data", "file"), repr(data.file), expected)
    if not is_url(data.file):
        check_exists("file", data.file, data.location, findings)


def _check_formula(location: tuple[int | str, ...], text: str, findings: Findings) -> None:
    try:
        parse(text, functions=EFFORT_FUNCTIONS)
    except ExpressionError as error:
        where = "" if error.position is None else f" (character {error.position})"
        cut = text.count("(") > text.count(")")
        hint = "A comma inside { } ends a value: put the formula in quotes." if cut else ""
        findings.add(location, f"{error.text!r}{where}: {error.reason}", "a formula over columns", hint)


def _check_cluster(cluster: ClusterSection, findings: Findings) -> None:
    known = ENGINES[cluster.kind].settings
    for key in sorted(cluster.model_fields_set - {"kind", *known}):
        expected = f"with kind {cluster.kind} {one_of(sorted(known))}"
        findings.add(("cluster", key), f"the key {key!r} with kind {cluster.kind}", expected)
    if cluster.kind != "address":
        return
    if cluster.address is None:
        findings.add(("cluster", "address"), "nothing", "the scheduler's address, e.g. tcp://host:8786")
    elif not re.match(r"^(tcp|tls|ws|wss|ucx|inproc)://", cluster.address):
        findings.add(("cluster", "address"), repr(cluster.address), "tcp://host:port or tls://host:port")
    elif cluster.address.startswith("tls://") and cluster.tls is None:
        findings.add(("cluster", "tls"), "nothing", "ca, certificate and key for an address with tls://")
    if cluster.tls is not None:
        for key in ("ca", "certificate", "key"):
            if not Path(getattr(cluster.tls, key)).is_file():
                findings.add(
                    ("cluster", "tls", key), f"{getattr(cluster.tls, key)!r}, which is no file", "a PEM file"
                )
