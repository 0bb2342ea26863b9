"""Columns of any type to float64, with the values that are no numbers."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.panel.findings import Problems

DECIMAL_HINT = (
    "Say `decimal: ','` in the section data of the study, unless commas separate columns; or save the table "
    "with decimal points (in a spreadsheet: language English; in pandas: read_csv(decimal=',') and to_csv)."
)


class Numbers(NamedTuple):
    """A column as numbers.

    Attributes
    ----------
    values : (rows,) array of float64
        The numbers; nan where there is none. A null, an empty text and a nan are missing values.
    text : array of int64
        Rows whose value is text.
    texts : list of str
        That text; empty where the column has a type that cannot hold numbers, so that all its rows are text.
    """

    values: np.ndarray
    text: np.ndarray
    texts: list[str]


_NO_ROWS = np.empty(0, dtype=np.int64)


# Whole numbers, perhaps in groups of three, and decimals after a comma. 0.25 is none: it is not 25.
_WITH_COMMA = r"^[+-]?(\d{1,3}([.\x{a0}\x{202f} ']\d{3})+|\d+)?(,\d+)?([eE][+-]?\d+)?$"
_GROUPS = r"[.\x{a0}\x{202f} ']"


def read_numbers(column: pa.Array, name: str, problems: Problems, decimal: str = ".") -> Numbers:
    """Convert a column; report it once if its type cannot hold numbers (dates, lists, binary).

    Parameters
    ----------
    decimal : str
        Sign before the decimals in text: ``.``, or ``,`` with thousands in groups.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _from_text(column, decimal)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    ):
        problems.add_once(
            "text in numbers", f"column {name}", f"a column of type {kind}", "numbers", column=name
        )
        return Numbers(np.full(len(column), np.nan), np.arange(len(column)), [])
    return Numbers(_floats(column.cast(pa.float64(), safe=False)), _NO_ROWS, [])


def _from_text(column: pa.Array, decimal: str) -> Numbers:
    column = pc.utf8_trim_whitespace(column)
    nothing = pa.scalar(None, column.type)
    column = pc.if_else(pc.equal(column, ""), nothing, column)
    plain = column
    if decimal == ",":
        points = pc.replace_substring(pc.replace_substring_regex(column, _GROUPS, ""), ",", ".")
        plain = pc.if_else(pc.match_substring_regex(column, _WITH_COMMA), points, nothing)
    try:
        if plain.null_count == column.null_count:
            return Numbers(_floats(plain.cast(pa.float64())), _NO_ROWS, [])
    except pa.ArrowInvalid:
        pass
    texts = column.to_pylist()
    present = np.array([text is not None for text in texts])
    values = pd.to_numeric(pd.Series(plain.to_pylist(), dtype=object), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(present & np.isnan(values))
    bad = bad[[texts[row].lower() not in ("nan", "na") for row in bad]]
    return Numbers(values, bad, [texts[row] for row in bad])


def _floats(column: pa.Array) -> np.ndarray:
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def number_hint(text: str) -> str:
    """Say how to write a number so that it can be read."""
    return DECIMAL_HINT if has_decimal_comma(text) else "Write numbers without units or separators."


def has_decimal_comma(text: str) -> bool:
    """Tell whether a text is a number with a decimal comma: ``1,5`` or ``1.234,5``."""
    return re.fullmatch(r"[+-]?\d[\d.  ]*,\d+", text.strip()) is not None
