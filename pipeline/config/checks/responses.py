"""Checks of responses: families, curves and efforts that exist, and a curve for every effort."""

from collections.abc import Collection, Iterable

from pipeline.config.catalogue import curve_names, family_names
from pipeline.config.sections.models import ResponseSection
from pipeline.config.study import Study
from pipeline.config.yaml.document import KeyPath
from pipeline.config.yaml.findings import Findings
from pipeline.names import did_you_mean, one_of


def check_response(study: Study, response: ResponseSection, location: KeyPath, findings: Findings) -> None:
    """Check a response of `models.response`, or that of a simulated truth.

    Parameters
    ----------
    study
        Its efforts, curves and priors are what a response may refer to.
    response
        What is checked.
    location
        Where it is.
    findings
        Problems are added to these.
    """
    _check_terms(study, response, location, findings)
    families = (*family_names(), *study.curves)
    if response.family is None:
        _check_effort_curves(study, response, families, location, findings)
        return
    if response.family not in families:
        got = f"the unknown family {response.family!r}"
        findings.add_unknown((*location, "family"), got, response.family, families)
    if isinstance(response.order, tuple) and sorted(response.order) != sorted(study.efforts):
        got = f"the ranking {', '.join(response.order)}"
        findings.add((*location, "order"), got, f"every effort once: {', '.join(study.efforts)}")


def _check_terms(study: Study, response: ResponseSection, location: KeyPath, findings: Findings) -> None:
    """Check that further terms refer to efforts, or lags of them, that exist, once each."""
    for effort in response.lag:
        check_effort(study, (*location, "lag", effort), effort, findings)
    lags = (f"{effort}.lag{k}" for effort, longest in response.lag.items() for k in range(1, longest + 1))
    sources = (*study.efforts, *lags)
    for key in ("own", "cross"):
        names = getattr(response, key)
        for index, name in enumerate(names):
            term = (*location, key, index)
            if name not in sources:
                findings.add_unknown(term, f"the unknown effort {name!r}", name, sources)
            elif name in names[:index]:
                findings.add(term, f"{name!r} a second time", "every effort once")
            elif f"{name}.{key}" not in study.fit.priors:
                # The common coefficient takes up what they share; only their prior determines the rest.
                expected = f"its prior under fit.priors, e.g. `{{{name}.{key}: [0, 0.5]}}`"
                findings.add(term, f"terms {name}.{key} without a prior", expected)


def _check_effort_curves(
    study: Study, response: ResponseSection, families: Collection[str], location: KeyPath, findings: Findings
) -> None:
    known = (*curve_names(), *study.curves)
    curves = response.curves or {}
    # Efforts may stand in the response itself or, spelled out, under `curves`.
    written = findings.written(location)
    base = (*location, "curves") if isinstance(written, dict) and "curves" in written else location
    for effort, curve in curves.items():
        check_effort(study, (*base, effort), effort, findings, ("name", "link", "family"))
        if curve not in known:
            hint = did_you_mean(curve, known)
            if curve in families:
                hint = f"{curve!r} is a family for all efforts: under link exp, linear is mnl, ln is mci."
            findings.add((*base, effort), f"the unknown curve {curve!r}", one_of(known), hint)
    missing = [effort for effort in study.efforts if effort not in curves]
    if missing:
        findings.add(location, f"no curve for {', '.join(missing)}", "a curve for every effort of the study")


def check_effort(
    study: Study, location: KeyPath, effort: str, findings: Findings, keys: Iterable[str] = ()
) -> None:
    """Check that an effort exists.

    Parameters
    ----------
    study
        Its efforts are those that exist; without any, nothing is said.
    location
        Where the effort is named.
    effort
        The name.
    findings
        A problem is added to these.
    keys
        Keys that may stand where the effort does, one of which may have been meant.
    """
    if study.efforts and effort not in study.efforts:
        hint = did_you_mean(effort, (*study.efforts, *keys))
        findings.add(location, f"the unknown effort {effort!r}", one_of(study.efforts), hint)
