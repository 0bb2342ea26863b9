"""SQL over the tables of a sweep, in a DuckDB that sees nothing else: no file, no network, no setting."""

import re
from typing import Any

import duckdb
import numpy as np
from numpy.typing import ArrayLike

from pipeline.errors import QueryError
from pipeline.results.frames.table import Table
from pipeline.results.tables.registry import TABLES
from pipeline.results.tables.sweep_tables import SweepTables

_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "temp_directory": "",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
_ALLOWED = frozenset({"SELECT", "EXPLAIN"})


def connect() -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory that reaches nothing outside itself."""
    return duckdb.connect(":memory:", config=_SETTINGS)


def query_sql(tables: SweepTables, sql: str) -> Table:
    """Answer one SELECT.

    Parameters
    ----------
    tables
        Of the sweep asked.
    sql
        One statement. It may name any of `pipeline.results.tables.registry.TABLES`; only those named are
        built.

    Raises
    ------
    QueryError
        Not one SELECT, or one that DuckDB refuses: the sentence says why.
    """
    connection = connect()
    try:
        _check_statement(connection, sql)
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        for name in [name for name in TABLES if name in words]:
            columns = TABLES[name].build(tables).columns
            connection.register(name, {key: _column(values) for key, values in columns.items()})
        return _fetch(connection.execute(sql))
    except duckdb.Error as error:
        raise QueryError(
            f"The query cannot be answered: {error}. The tables are {', '.join(TABLES)}."
        ) from error
    finally:
        connection.close()


def _check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    if len(kinds) != 1 or kinds[0] not in _ALLOWED:
        got = " and ".join(kinds) or "nothing"
        raise QueryError(f"Got {got}; a query is one SELECT, and nothing in the store can be changed by it.")


def _column(values: np.ndarray) -> np.ndarray:
    # DuckDB knows no days; it turns nan into NULL by itself.
    return values.astype("datetime64[s]") if values.dtype.kind == "M" else np.ascontiguousarray(values)


def _fetch(result: duckdb.DuckDBPyConnection) -> Table:
    return Table({name: _filled(values) for name, values in result.fetchnumpy().items()})


def _filled(values: ArrayLike) -> np.ndarray:
    """Put nan, NaT or None where the answer has NULL."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    missing = np.ma.getmaskarray(values)
    if values.dtype.kind in "biuf":
        return np.where(missing, np.nan, values.data.astype(np.float64))
    if values.dtype.kind in "mM":
        return np.where(missing, np.array("NaT", dtype=values.dtype), values.data)
    filled = values.data.astype(object)
    filled[missing] = None
    return filled
