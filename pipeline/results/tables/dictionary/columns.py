"""Unit and meaning of every column of every table, for SQL, exports and the site, from `columns.yaml`."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from pipeline.results.frames.table import Table
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.format.catalogue import STATISTICS

_FILE = Path(__file__).with_name("columns.yaml")


class Column(NamedTuple):
    """What a column holds: its unit (empty for labels and texts), and what it means."""

    unit: str
    meaning: str


@cache
def describe_columns() -> Mapping[str, Mapping[str, Column]]:
    """Describe the columns of all tables: by table, in their order. Stores of earlier versions lack some."""
    content = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    common = content["common"]
    described = {
        table: {name: Column(*(own or common[name])) for name, own in columns.items()}
        for table, columns in content["tables"].items()
    }
    described["fits"] |= {one.name: Column(one.units, one.long_name) for one in STATISTICS}
    return described


def columns(tables: SweepTables) -> Table:  # noqa: ARG001
    """One row for every column of every table: unit and meaning, the same for all stores."""
    rows = [(table, name, *column) for table, of in describe_columns().items() for name, column in of.items()]
    return Table.from_rows(("of_table", "name", "unit", "meaning"), rows)
