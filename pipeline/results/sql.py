"""SQL over the tables of a sweep, in a DuckDB that sees nothing else: no file, no network, no setting."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import psutil
from numpy.typing import ArrayLike

from kernels.numeric.cores import usable_cores
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
# A query may take this part of the memory that is free when it begins, and so many cores: others compute.
_PART_OF_MEMORY = 0.5
_LEAST_MEMORY = 256 * 2**20
_MOST_THREADS = 4
_ALLOWED = frozenset({"SELECT", "EXPLAIN"})


def connect() -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory that reaches nothing outside itself, and does not take all memory."""
    memory = max(int(_PART_OF_MEMORY * psutil.virtual_memory().available), _LEAST_MEMORY)
    limits = {"memory_limit": f"{memory // 2**20}MiB", "threads": str(min(usable_cores(), _MOST_THREADS))}
    return duckdb.connect(":memory:", config=_SETTINGS | limits)


def query_sql(tables: SweepTables, sql: str, *, timeout: float | None = None) -> Table:
    """Answer one SELECT.

    Parameters
    ----------
    tables
        Of the sweep asked.
    sql
        One statement. It may name any of `pipeline.results.tables.registry.TABLES`; only those named are
        built.
    timeout
        Seconds after which it is given up; None: never.

    Raises
    ------
    QueryError
        Not one SELECT, one that DuckDB refuses (the sentence says why), or one that needs more memory or time
        than it may have.
    """
    connection = connect()
    try:
        _check_statement(connection, sql)
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        _register(connection, tables, [name for name in TABLES if name in words], sql)
        with _interrupted_after(timeout, connection):
            return _fetch(connection.execute(sql))
    except duckdb.InterruptException as error:
        raise QueryError(
            f"The query was given up after {timeout:g} s. Ask for less, or allow it more time."
        ) from error
    except duckdb.OutOfMemoryException as error:
        raise QueryError(
            f"The query needs more memory than it may have ({_PART_OF_MEMORY:.0%} of what is free): "
            f"{str(error).splitlines()[0]}. Ask for fewer rows or columns at once."
        ) from error
    except duckdb.Error as error:
        raise QueryError(
            f"The query cannot be answered: {error}. The tables are {', '.join(TABLES)}; "
            "their columns: select * from columns."
        ) from error
    finally:
        connection.close()


def _register(
    connection: duckdb.DuckDBPyConnection, tables: SweepTables, names: Sequence[str], sql: str
) -> None:
    """Put tables where a query finds them; of those that can be large, only the columns that it reads."""
    pieces = {
        name: TABLES[name].build(tables, None, slice(1))
        for name in names
        if TABLES[name].by != "sweep" and tables.info.n_markets > 1
    }
    wholes = {name: TABLES[name].build(tables) for name in names}
    for name in names:
        connection.register(name, _columns(pieces.get(name, wholes[name])))
    read = _columns_read(connection, sql) if pieces else None
    for name, piece in pieces.items():
        whole = wholes[name]
        columns = _columns(piece)
        if read is not None and len(piece):
            # What is not read is needed all the same, with its type, for the query to be understood.
            columns = {key: np.broadcast_to(values[:1], len(whole)) for key, values in columns.items()}
            columns |= _columns(whole.select([key for key in whole.columns if key in read]))
        else:
            columns = _columns(whole)
        connection.register(name, columns)


def _columns_read(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str] | None:
    """Name the columns, of any table, that the plan for a query reads; None where there is no such plan."""
    try:
        ((_, text),) = connection.execute(f"explain (format json) {sql}").fetchall()
    except duckdb.Error:
        return None  # an EXPLAIN, or refused: then the query itself says why
    read: set[str] = set()
    plan = json.loads(text)
    while plan:
        step = plan.pop()
        found = step["extra_info"].get("Projections", [])
        read.update([found] if isinstance(found, str) else found)
        plan += step["children"]
    return read


@contextmanager
def _interrupted_after(timeout: float | None, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    if timeout is None:
        yield
        return
    alarm = threading.Timer(timeout, connection.interrupt)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


def _check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    if len(kinds) != 1 or kinds[0] not in _ALLOWED:
        got = " and ".join(kinds) or "nothing"
        raise QueryError(f"Got {got}; a query is one SELECT, and nothing in the store can be changed by it.")


def _columns(table: Table) -> dict[str, np.ndarray]:
    return {name: _column(values) for name, values in table.columns.items()}


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
