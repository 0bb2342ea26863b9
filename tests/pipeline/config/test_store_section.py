"""The store of a study: a path, or a mapping with it."""

import pytest
from pydantic import ValidationError

from pipeline.config.study import Study

CONTENT = {
    "study": "test",
    "data": {"file": "a.csv", "market": "m", "firm": "f", "time": "t", "sales": "s", "efforts": {"p": {}}},
    "models": {"form": "investment", "response": "mnl"},
}


def study(store):
    return Study.model_validate({**CONTENT, "store": store}, context={"folder": "/studies"})


def test_a_path_or_a_mapping():
    plain, durable = study("runs/a"), study({"path": "runs/a", "durable": True})
    assert plain.store_location == durable.store_location == "/studies/runs/a"
    assert (plain.store_durable, durable.store_durable) == (False, True)
    best = study({"path": "runs/a", "trajectories": "best"})
    assert (plain.stored_trajectories, durable.stored_trajectories, best.stored_trajectories) == (
        "all",
        "all",
        "best",
    )
    assert plain.content_hash == durable.content_hash == best.content_hash
    assert Study.model_validate_json(durable.model_dump_json()).store_durable


@pytest.mark.parametrize(
    "store",
    [
        {"durable": True},
        {"path": "a", "durable": "yes"},
        {"path": "a", "x": 1},
        {"path": "a", "trajectories": "some"},
        3,
    ],
)
def test_anything_else_is_refused(store):
    with pytest.raises(ValidationError):
        study(store)
