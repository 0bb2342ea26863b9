"""Checks of a whole study: combinations of sections that make no sense, names that refer to nothing."""

import importlib.util
from collections.abc import Collection

from pipeline.config.checks.cluster import check_cluster
from pipeline.config.checks.curves import check_curves
from pipeline.config.checks.data import check_table
from pipeline.config.checks.endogenous import check_endogenous
from pipeline.config.checks.fit import check_fit
from pipeline.config.checks.ledger import check_ledger
from pipeline.config.checks.models import check_models
from pipeline.config.checks.recalibration import check_recalibration
from pipeline.config.checks.simulate import check_simulate
from pipeline.config.checks.uncertainty import check_uncertainty
from pipeline.config.parameters import RESERVED
from pipeline.config.sections.fit import NASH, ValidationSection
from pipeline.config.sections.ledger.postings import LedgerSection
from pipeline.config.sections.models import CARRY_OVER_KEYS, RESPONSE_KEYS
from pipeline.config.sections.types import is_name
from pipeline.config.study import Study
from pipeline.config.yaml.document import Document, KeyPath
from pipeline.config.yaml.findings import Findings
from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of

USED_BY_STUDIES = RESERVED | RESPONSE_KEYS | CARRY_OVER_KEYS
"""Names that no effort may have."""


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
    if isinstance(study.data, LedgerSection):
        check_ledger(study.data, findings)
    elif study.data is not None:
        check_table(study.data, findings)
    _check_effort_names(study, findings)
    check_curves(study, findings)
    check_models(study, findings)
    check_fit(study, findings)
    check_endogenous(study, findings)
    check_uncertainty(study, findings)
    check_recalibration(study, findings)
    if study.simulate is not None:
        check_simulate(study, study.simulate, findings)
    _check_validation(study.validation, findings)
    if NASH in study.validation.baselines:
        _check_nash(study, findings)
    if study.models.auto and not (study.validation.holdout or study.validation.origins):
        expected = "validation.origins > 0 (or a holdout) beside it: forecasts that tell what it is worth"
        findings.add(("models", "auto"), "models: auto without forecasts", expected)
    check_cluster(study.cluster, findings)
    return findings.problems


def _check_validation(validation: ValidationSection, findings: Findings) -> None:
    if "boosting" in validation.baselines and importlib.util.find_spec("sklearn") is None:
        got = "the baseline boosting, and scikit-learn is not installed"
        expected = "scikit-learn (pip install 'beed[boosting]'), or other baselines"
        findings.add(("validation", "baselines"), got, expected)
    if validation.baselines and not (validation.holdout or validation.origins):
        expected = "a holdout > 0 (or origins) beside baselines: the part of the periods that they forecast"
        findings.add(("validation", "holdout"), f"{validation.holdout:g}", expected)
    for key in ("horizon", "step"):
        if key in validation.model_fields_set and not validation.origins:
            expected = f"origins > 0 beside {key}: how many rolling origins there are"
            findings.add(("validation", "origins"), f"{validation.origins}", expected)


def _check_nash(study: Study, findings: Findings) -> None:
    """Refuse a game of firms that have nothing to spend, or a model that there is not."""
    data, where = study.data, ("validation", "nash")
    if data is not None and all(one.kind == "index" and one.role is None for one in data.efforts.values()):
        expected = (
            "an effort of kind ratio or amount, or one with the role price: without money there is nothing "
            "that a firm could weigh against its sales"
        )
        findings.add(
            ("validation", "baselines"), "the baseline nash, and efforts that cost nothing", expected
        )
    wanted = study.validation.nash.model
    if wanted is not None and study.efforts and findings.clean("models", "curves"):
        names = [variant.name for variant in study.variants()]
        if wanted not in names:
            findings.add((*where, "model"), f"{wanted!r}", one_of(names), did_you_mean(wanted, names))


def _check_effort_names(study: Study, findings: Findings) -> None:
    section = "data" if study.data is not None else "simulate"
    for name in study.efforts:
        location = (section, "efforts", name)
        if not is_name(name):
            expected = "a name of letters, digits and underscores that does not begin with a digit"
            findings.add(location, f"the effort {name!r}", expected)
        elif name in USED_BY_STUDIES:
            findings.add(location, f"the effort {name!r}", f"another name: studies use {name!r} themselves")
