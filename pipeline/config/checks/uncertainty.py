"""Checks of the section `uncertainty`: methods without what they need, impossible levels and blocks."""

import importlib.util
import math

from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.study import Study
from pipeline.config.yaml.findings import Findings

_REFITTING = ("profile", "bootstrap", "mcmc")
"""Methods that fit again, by least squares between bounds, whatever made the reported fit."""
_OTHERS = "intervals by covariance, hac or autoregressive"


def check_uncertainty(study: Study, findings: Findings) -> None:
    """Check the section `uncertainty` on its own and against `fit`."""
    section = study.uncertainty
    for key, values in (("intervals", section.methods), ("levels", section.levels)):
        if len(set(values)) < len(values):
            findings.add(("uncertainty", key), f"{list(values)}", "each once")
    if "bootstrap" in section.methods:
        _check_replicates(section, findings)
    _check_block(section, findings)
    if section.mcmc.burn >= section.mcmc.steps:
        got = f"{section.mcmc.burn} of {section.mcmc.steps} steps"
        findings.add(("uncertainty", "mcmc", "burn"), got, "burn < steps")
    if "mcmc" in section.methods and importlib.util.find_spec("emcee") is None:
        got = "the method mcmc, and emcee is not installed"
        expected = "emcee (pip install 'beed[mcmc]'), or other methods"
        findings.add(("uncertainty", "intervals"), got, expected)
    _check_refits(study, findings)


def _check_replicates(section: UncertaintySection, findings: Findings) -> None:
    """Check that there are enough replicates for the percentiles of the intervals."""
    location = ("uncertainty", "bootstrap")
    if not section.bootstrap:
        findings.add(location, "0 beside the interval method bootstrap", "e.g. 200 replicates")
        return
    level = max(section.levels)
    needed = 2.0 / (1.0 - level) - 1.0
    if section.bootstrap < needed * (1.0 - 1e-9):
        got = f"{section.bootstrap} replicates for an interval of level {level:g}"
        expected = f"at least {math.ceil(needed)}: with fewer, its ends lie outside the replicates"
        findings.add(location, got, expected)


def _check_block(section: UncertaintySection, findings: Findings) -> None:
    if section.block == "auto":
        return
    location = ("uncertainty", "block")
    if section.block < 1:
        findings.add(location, f"{section.block}", "auto, or a number of periods from 1")
    if section.scheme != "blocks":
        expected = "scheme: blocks beside it, the only one with blocks"
        findings.add(location, f"{section.block} with scheme {section.scheme}", expected)


def _check_refits(study: Study, findings: Findings) -> None:
    fit, section = study.fit, study.uncertainty
    refitting = [method for method in section.methods if method in _REFITTING]
    if section.bootstrap and "bootstrap" not in refitting:
        refitting.append("bootstrap")
    if not refitting:
        return
    location, names = ("uncertainty", "intervals"), ", ".join(refitting)
    if fit.expr:
        findings.add(location, f"{names} beside fit.expr", f"{_OTHERS}: these do not fit again")
    if fit.loss != "linear":
        findings.add(location, f"{names} beside fit.loss {fit.loss}", f"loss: linear, or {_OTHERS}")
