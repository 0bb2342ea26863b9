"""The section that says where the numbers come from."""

import json

from pipeline.reporting.blocks import Block, Code, Facts, Section
from pipeline.reporting.subject import ReportSubject


def origin(subject: ReportSubject) -> Section:
    """Say where the numbers come from, so that they can be had again."""
    results, info = subject.results, subject.results.sweep
    versions = info.attributes.get("versions", {})
    facts = {
        "store": results.store.location.url,
        "sweep": info.name,
        "snapshot": results.snapshot,
        "created": info.created,
        "hash of the data": info.data_hash,
        "hash of the study": info.study_hash,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()) or "unknown",
    }
    blocks: list[Block] = [Facts(facts)]
    if info.study_text:
        blocks.append(Code("The study", info.study_text))
    settings = info.attributes.get("study_json")
    if settings:
        text = json.dumps(json.loads(settings), indent=1, ensure_ascii=False)
        blocks.append(Code("The study with all defaults", text))
    return Section("origin", "Where this comes from", tuple(blocks))
