"""The JSON schema of studies, for editors that complete and check YAML while it is typed."""

from typing import Any

from pipeline.config.study import Study


def study_schema() -> dict[str, Any]:
    """Give the JSON schema of a study, with a description of every key.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12. It accepts every study that `load_study` accepts; checks across sections
        (unknown families, missing files) are `load_study`'s alone.
    """
    schema = Study.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "beed study"}
