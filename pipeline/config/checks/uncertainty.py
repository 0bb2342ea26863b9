"""Checks of the section `uncertainty`: methods without what they need, senseless levels and blocks."""

from pipeline.config.study import Study
from pipeline.config.yaml.findings import Findings


def check_uncertainty(study: Study, findings: Findings) -> None:
    """Check the section `uncertainty` on its own and against `fit`."""
    asked = study.uncertainty
    methods = asked.methods
    for key, values in (("intervals", methods), ("levels", asked.levels)):
        if len(set(values)) < len(values):
            findings.add(("uncertainty", key), f"{list(values)}", "each once")
    if "bootstrap" in methods and not asked.bootstrap:
        findings.add(
            ("uncertainty", "bootstrap"), "0 beside the interval method bootstrap", "e.g. 200 replicates"
        )
    if "bootstrap" in methods and asked.bootstrap:
        finest = 2.0 / (1.0 - max(asked.levels)) - 1.0
        if asked.bootstrap < finest * (1.0 - 1e-9):
            findings.add(
                ("uncertainty", "bootstrap"),
                f"{asked.bootstrap} replicates for an interval of level {max(asked.levels):g}",
                f"at least {int(-(-finest // 1))}: its ends lie beyond the smallest and largest replicate",
            )
    if asked.block != "auto" and asked.block < 1:
        findings.add(("uncertainty", "block"), f"{asked.block}", "auto, or a number of periods from 1")
    if asked.block != "auto" and asked.scheme != "blocks":
        expected = "scheme: blocks beside it, the only one with blocks"
        findings.add(("uncertainty", "block"), f"{asked.block} with scheme {asked.scheme}", expected)
    if asked.mcmc.burn >= asked.mcmc.steps:
        findings.add(
            ("uncertainty", "mcmc", "burn"), f"{asked.mcmc.burn} of {asked.mcmc.steps} steps", "burn < steps"
        )
    if "mcmc" in methods:
        _check_emcee(findings)
    _check_refits(study, findings)


def _check_emcee(findings: Findings) -> None:
    import importlib.util

    if importlib.util.find_spec("emcee") is None:
        findings.add(
            ("uncertainty", "intervals"),
            "the method mcmc, and emcee is not installed",
            "emcee (pip install 'beed[mcmc]'), or other methods",
        )


def _check_refits(study: Study, findings: Findings) -> None:
    """Methods that fit again do so by least squares between bounds, whatever made the reported fit."""
    fit, asked = study.fit, study.uncertainty
    refitting = [name for name in asked.methods if name in ("profile", "bootstrap", "mcmc")]
    refitting += ["bootstrap"] if asked.bootstrap and "bootstrap" not in refitting else []
    if refitting and fit.expr:
        expected = "intervals by covariance, hac or autoregressive: the others cannot follow fit.expr"
        findings.add(("uncertainty", "intervals"), f"{', '.join(refitting)} beside fit.expr", expected)
    if refitting and fit.loss != "linear":
        expected = "loss: linear, or intervals by covariance, hac or autoregressive"
        findings.add(
            ("uncertainty", "intervals"), f"{', '.join(refitting)} beside fit.loss {fit.loss}", expected
        )
