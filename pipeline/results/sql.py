"""SQL over the tables of a sweep, in a DuckDB that sees nothing else: no file, no network, no setting."""

import re
from typing import Any

import duckdb
import numpy as np

from pipeline.errors import QueryError
from pipeline.results.tables.fits import SweepTables
from pipeline.results.tables.frame import Table

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
        Tables that may be named: fits, params, starts, trajectories, validation, horizons, replicates,
        intervals, directions, and what follows from them: comparison, akaike, stacking, regimes, drift,
        forecasts, forecast_bands. Only those named are built.
    sql
        One statement.

    Raises
    ------
    QueryError
        Not one SELECT, or one that DuckDB refuses: the sentence says why.
    """
    connection = connect()
    try:
        _check_statement(connection, sql)
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        for name, build in (tables.builders | tables.derived).items():
            if name in words:
                connection.register(name, {key: _column(values) for key, values in build().columns.items()})
        return _fetch(connection.execute(sql))
    except duckdb.Error as error:
        known = ", ".join([*tables.builders, *tables.derived])
        raise QueryError(f"The query cannot be answered: {error}. The tables are {known}.") from error
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
    found: dict[str, Any] = result.fetchnumpy()
    return Table({name: _filled(values) for name, values in found.items()})


def _filled(values: Any) -> np.ndarray:
    """Put nan, NaT or None where the answer has NULL."""
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    missing = np.ma.getmaskarray(values)
    if values.dtype.kind in "biuf":
        return np.where(missing, np.nan, values.data.astype(np.float64))
    if values.dtype.kind in "mM":
        return np.where(missing, np.array("NaT", dtype=values.dtype), values.data)
    found = values.data.astype(object)
    found[missing] = None
    return found
