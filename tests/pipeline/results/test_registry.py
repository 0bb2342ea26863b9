"""The registry of tables: what is listed can be built, and what lists tables elsewhere lists these."""

import re

import pytest
from places import ROOT

from pipeline.results.tables.dictionary.columns import describe_columns
from pipeline.results.tables.registry import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_asked_for_in_sql(results, name):
    answer = results.sql(f"select * from {name}")
    built = TABLES[name].build(results.tables)
    assert list(answer.columns) == list(built.columns)
    assert len(answer) == len(built)
    described = describe_columns()[name]
    assert list(described) == list(built.columns), "columns.yaml describes every column, and no other"
    assert all(column.meaning for column in described.values())
    numbers = {column for column, values in built.columns.items() if len(values) and values.dtype.kind == "f"}
    assert all(described[column].unit for column in numbers), "numbers have units"


@pytest.mark.parametrize("name", [name for name, entry in TABLES.items() if entry.by != "sweep"])
def test_what_is_stored_can_be_built_piece_by_piece(results, name):
    tables = results.tables
    entry, models = TABLES[name], [None]
    if entry.by == "model":
        models = [[model] for model in tables.info.models]
    pieces = [entry.build(tables, some, part) for some in models for part in (slice(0, 3), slice(3, None))]
    whole = entry.build(tables)
    assert all(list(piece.columns) == list(whole.columns) for piece in pieces)
    rows = [row for piece in pieces for row in piece.rows()]
    assert sorted(rows, key=str) == sorted(whole.rows(), key=str)


def test_the_documentation_lists_the_tables():
    section = (ROOT / "notebooks" / "howto" / "store_questions.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, flags=re.MULTILINE))
    assert listed == {name: entry.sentence for name, entry in TABLES.items()}
