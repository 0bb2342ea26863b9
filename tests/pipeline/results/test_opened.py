"""The path of a store is no store, whatever asks for one."""

import inspect
from pathlib import Path

import pytest

import beed
from pipeline.errors import QueryError

ASKING = [
    name
    for name in beed.__all__
    if inspect.isfunction(one := getattr(beed, name)) and "results" in inspect.signature(one).parameters
]


@pytest.mark.parametrize("name", ASKING)
@pytest.mark.parametrize("path", ["runs/mall", Path("runs/mall")])
def test_a_path_is_answered_with_how_to_open_it(name, path):
    function = getattr(beed, name)
    needed = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    with pytest.raises(QueryError, match=r"^Got the path 'runs/mall'; .*open_store\('runs/mall'\)\.$"):
        function(path, *[None] * (len(needed) - 1))


def test_all_that_ask_a_store_are_tried():
    assert {"effects", "explain", "forecast", "flight_plan", "play", "allocate", "write_report"} < set(ASKING)
