"""Checks of `fit.endogenous`: efforts that exist, instruments that can be read and are no efforts."""

from kernels.formula.expression import ExpressionError, parse
from pipeline.config.checks.data import explain
from pipeline.config.checks.responses import check_effort
from pipeline.config.sections.data import EFFORT_FUNCTIONS
from pipeline.config.sections.types import is_name
from pipeline.config.study import Study
from pipeline.config.yaml.document import KeyPath
from pipeline.config.yaml.findings import Findings

_KEY = ("fit", "endogenous")


def check_endogenous(study: Study, findings: Findings) -> None:
    """Check the instruments of a study, as far as it can be done without the data."""
    fit = study.fit
    if len(fit.endogenous) > 1 and sum(1 for entry in fit.endogenous if entry) != 1:
        got, expected = "two entries", "`[null, {price: {instruments: [...]}}]`: one without and one with"
        findings.add(_KEY, got, f"one mapping of efforts, or {expected}")
    if not fit.instrumented:
        return
    if study.simulate is not None:
        got = "endogenous efforts beside simulate"
        findings.add(_KEY, got, "a section data, whose columns are the instruments")
        return
    at = next(index for index, entry in enumerate(fit.endogenous) if entry)
    base: KeyPath = (*_KEY, at) if len(fit.endogenous) > 1 else _KEY
    for effort, section in fit.instrumented.items():
        check_effort(study, (*base, effort), effort, findings)
        _check_instruments(study, section.instruments, (*base, effort, "instruments"), findings)
    if len(fit.instruments) < len(fit.instrumented):
        got = f"{len(fit.instrumented)} endogenous efforts and one instrument"
        findings.add(base, got, "at least as many different instruments as endogenous efforts")
    if "mcmc" in study.uncertainty.methods:
        got = "the method mcmc beside endogenous efforts"
        expected = "other methods: its chains would take the first stage as known"
        findings.add(("uncertainty", "intervals"), got, expected)


def _check_instruments(
    study: Study, instruments: tuple[str, ...], location: KeyPath, findings: Findings
) -> None:
    sections = {} if study.data is None else study.data.efforts
    written = {section.formula or section.column or name for name, section in sections.items()}
    for index, text in enumerate(instruments):
        place = (*location, index)
        if text in instruments[:index]:
            findings.add(place, f"{text!r} a second time", "every instrument once")
        elif text in written or (text in sections and sections[text].formula is None):
            expected = "something that moves the effort from outside and is no effort of the model"
            findings.add(place, f"{text!r}, which is an effort of the study", expected)
        elif not is_name(text):
            # A single name may be any column, which is known when the data are read.
            try:
                parse(text, functions=EFFORT_FUNCTIONS)
            except ExpressionError as error:
                findings.add(place, explain(error), "a column, or a formula over columns")
