"""What a run came to, and what its sweep has found, as plain values: for files and for trackers of runs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import PlanError
from pipeline.results.frames.json_text import json_text, plain

if TYPE_CHECKING:
    from pipeline.results.result_store import ResultStore
    from pipeline.results.summary.summary import Summary

#: What mlflow, the strictest reader of names, does not take in a name.
_STRANGE = re.compile(r"[^\w./ -]")
_OF_VERDICT = ("error", "difference", "p", "half_life")
#: Of the models: columns that are a number of a model.
_OF_MODELS = ("usable", "best_by_aic", "best_by_bic", "rmse", "starts_agree")


def summarise_run(facts: Mapping[str, Any], results: "ResultStore") -> dict[str, Any]:
    """Tell what a run came to.

    Parameters
    ----------
    facts
        Of the run, as `pipeline.sweep.report.RunReport.facts` gives them, and its ``seconds``.
    results
        Its sweep, as far as it is now.

    Returns
    -------
    dict
        Plain JSON values, None where a number is unknown. ``study``, ``sweep``, ``store``, ``state``; ``run``
        (counts and seconds of this run); ``failures`` (fits by reason); ``verdict``; ``models``, ``winners``
        and ``parameters`` (rows, as `beed show --format json` has them); ``versions``; and flat, by name,
        ``params`` (the keys of the study that are not at their defaults, hashes, versions) and ``metrics``
        (finite numbers only).
    """
    summary, info = results.summary(), results.sweep
    run = {key: value for key, value in facts.items() if key not in ("store", "sweep", "state", "failures")}
    versions = info.attributes.get("versions", {})
    return plain(
        {
            "study": info.study,
            "sweep": info.name,
            "store": facts["store"],
            "state": facts["state"],
            "created": info.created,
            "hashes": {"study": info.study_hash, "data": info.data_hash},
            "run": run,
            "markets": info.n_markets,
            "failures": facts["failures"],
            "verdict": asdict(summary.verdict),
            "models": summary.models.records(),
            "winners": summary.comparison.records(),
            "parameters": summary.parameters.records(),
            "versions": versions,
            "params": _params(results, versions),
            "metrics": dict(_metrics(run, summary)),
        }
    )


def _params(results: "ResultStore", versions: Mapping[str, str]) -> dict[str, Any]:
    """Give what was asked, one value a name: lists as JSON text."""
    info = results.sweep
    asked = results.study.model_dump(mode="json", exclude_defaults=True)
    flat = dict(_flat(asked))
    flat |= {"sweep": info.name, "study_hash": info.study_hash, "data_hash": info.data_hash}
    return {_name(key): value for key, value in (flat | dict(_flat(versions, "version."))).items()}


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value) if isinstance(value, list) else value


def _metrics(run: Mapping[str, Any], summary: "Summary") -> Iterator[tuple[str, float]]:
    """Give numbers that are comparable from run to run, and finite."""
    verdict = summary.verdict
    numbers: dict[str, Any] = {name: value for name, value in run.items() if isinstance(value, int | float)}
    numbers |= {"usable": sum(summary.models["usable"].tolist())}
    numbers |= {
        f"verdict.{name}": getattr(verdict, name) for name in ("error", "difference", "p", "half_life")
    }
    for row in summary.models.records():
        numbers |= {f"{name}/{row['model']}": row[name] for name in _OF_MODELS}
    for row in summary.comparison.records():
        numbers[f"error.{row['window']}.{row['future']}/{row['model']}"] = row["error"]
    for row in summary.parameters.records():
        numbers[f"estimate/{row['param']}"] = row.get("median", row.get("value"))
    for name, value in plain(numbers).items():
        if value is not None:
            yield _name(name), float(value)


def _name(text: str) -> str:
    return _STRANGE.sub("_", text)


def write_summary(path: Path, content: Mapping[str, Any] | None) -> None:
    """Write what a run came to into a file; None: only make sure that it can be written, before the work.

    Raises
    ------
    PlanError
        The file cannot be written.
    """
    try:
        with path.open("a" if content is None else "w", encoding="utf-8") as file:
            file.write("" if content is None else f"{json_text(content)}\n")
    except OSError as error:
        raise PlanError(f"--summary {path} cannot be written: {error.strerror}.") from error
